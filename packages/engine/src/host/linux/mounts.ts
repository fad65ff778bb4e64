import { checked, libc, SystemCallError } from "./libc.ts";

const SYS_MOVE_MOUNT = 429;
const SYS_FSOPEN = 430;
const SYS_FSCONFIG = 431;
const SYS_FSMOUNT = 432;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const CLOEXEC = 1;
const AT_FDCWD = -100;
const MS_RDONLY = 1;
const MNT_DETACH = 2;
const MOUNT_ATTR_RDONLY = 1;

const fsopen = libc.func("long syscall(long, const char*, uint, uint, uint, uint)");
const fsconfig = libc.func("long syscall(long, int, uint, const char*, const char*, int)");
const fsmount = libc.func("long syscall(long, int, uint, uint)");
const moveMount = libc.func("long syscall(long, int, const char*, int, const char*, uint)");
const closeCall = libc.func("int close(int)");
const mountCall = libc.func("int mount(const char*, const char*, const char*, ulong, const char*)");
const umountCall = libc.func("int umount2(const char*, int)");

/** An overlay: lower directories topmost first; without `upper` it is read-only. */
export interface OverlayDirectories {
  readonly lowers: readonly string[];
  readonly upper?: string;
  readonly work?: string;
}

/**
 * Mounts an overlay on `target` by fsopen(2) and `lowerdir+` (no limit of one page; Linux 6.8), else by mount(2).
 * Throws SystemCallError. Source: fsopen(2), Linux overlayfs documentation.
 */
export function mountOverlay(overlay: OverlayDirectories, target: string): void {
  try {
    mountByFsopen(overlay, target);
  } catch (error) {
    if (
      !(error instanceof SystemCallError) ||
      !(error.code === "ENOSYS" || (error.code === "EINVAL" && error.syscall === "fsconfig lowerdir+"))
    )
      throw error;
    mountByOptions(overlay, target);
  }
}

function mountByFsopen({ lowers, upper, work }: OverlayDirectories, target: string): void {
  const context = checked("fsopen", Number(fsopen(SYS_FSOPEN, "overlay", CLOEXEC, 0, 0, 0)), "overlay");
  try {
    const set = (key: string, value: string): void =>
      void checked(
        `fsconfig ${key}`,
        Number(fsconfig(SYS_FSCONFIG, context, FSCONFIG_SET_STRING, key, value, 0)),
        JSON.stringify(value),
      );
    for (const lower of lowers) set("lowerdir+", lower);
    if (upper !== undefined && work !== undefined) {
      set("upperdir", upper);
      set("workdir", work);
    } else
      checked("fsconfig ro", Number(fsconfig(SYS_FSCONFIG, context, FSCONFIG_SET_FLAG, "ro", null, 0)), "ro");
    checked(
      "fsconfig create",
      Number(fsconfig(SYS_FSCONFIG, context, FSCONFIG_CMD_CREATE, null, null, 0)),
      `overlay of ${lowers.length} layers for ${JSON.stringify(target)}`,
    );
    const mount = checked(
      "fsmount",
      Number(fsmount(SYS_FSMOUNT, context, CLOEXEC, upper === undefined ? MOUNT_ATTR_RDONLY : 0)),
      JSON.stringify(target),
    );
    try {
      checked(
        "move_mount",
        Number(moveMount(SYS_MOVE_MOUNT, mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH)),
        JSON.stringify(target),
      );
    } finally {
      closeCall(mount);
    }
  } finally {
    closeCall(context);
  }
}

function mountByOptions({ lowers, upper, work }: OverlayDirectories, target: string): void {
  const options = [
    `lowerdir=${lowers.join(":")}`,
    ...(upper !== undefined && work !== undefined ? [`upperdir=${upper}`, `workdir=${work}`] : []),
  ].join(",");
  checked(
    "mount",
    mountCall("overlay", target, "overlay", upper === undefined ? MS_RDONLY : 0, options) as number,
    `overlay of ${lowers.length} layers for ${JSON.stringify(target)}`,
  );
}

/** Mounts an empty tmpfs for all to write, as shared memory is. Source: mount(2), tmpfs(5). */
export function mountTmpfs(target: string, sizeBytes: number): void {
  const flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  const options = `mode=1777,size=${sizeBytes}`;
  checked("mount", mountCall("shm", target, "tmpfs", flags, options) as number, JSON.stringify(target));
}

/** Shows `source` and all that is mounted below it at `target` too, of the same kind (directory or file). Source: mount(2). */
export function bindMount(source: string, target: string): void {
  checked("mount", mountCall(source, target, null, MS_BIND_REC, null) as number, JSON.stringify(target));
}

/** Unmounts lazily; nothing mounted there is success. Source: umount2(2). */
export function unmount(target: string): void {
  try {
    checked("umount2", umountCall(target, MNT_DETACH) as number, JSON.stringify(target));
  } catch (error) {
    if (!(error instanceof SystemCallError) || (error.code !== "EINVAL" && error.code !== "ENOENT"))
      throw error;
  }
}

const MS_BIND_REC = 0x5000;
const MS_NOSUID = 2;
const MS_NODEV = 4;
const MS_NOEXEC = 8;
const SYS_OPEN_TREE = 428;
const OPEN_TREE_CLONE = 1;
const AT_RECURSIVE = 0x8000;
const CLOEXEC_TREE = 0x80000;
const CLONE_FS_AND_NEWNS = 0x20200;
const CLONE_NEWNS = 0x20000;
const CLONE_FS = 0x200;
/** MS_REMOUNT | MS_BIND | MS_RDONLY. */
const MS_REMOUNT_BIND_RDONLY = 0x1021;
const MS_REC_PRIVATE = 0x44000;
const O_RDONLY_CLOEXEC = 0x80000;

const openTree = libc.func("long syscall(long, int, const char*, uint)");
const unshareCall = libc.func("int unshare(int)");
const setnsCall = libc.func("int setns(int, int)");
const chrootCall = libc.func("int chroot(const char*)");
const openCall = libc.func("int open(const char*, int)");

/**
 * Moves the calling worker thread into the mount namespace of process `pid`: it sees what the container sees, volumes included.
 * Only *Sync calls of this thread do so; never call it in the main thread. Source: setns(2), mount_namespaces(7).
 */
export function enterMountNamespace(pid: number): void {
  const namespace = checked(
    "open",
    openCall(`/proc/${pid}/ns/mnt`, O_RDONLY_CLOEXEC) as number,
    `/proc/${pid}/ns/mnt`,
  );
  try {
    checked("unshare", unshareCall(CLONE_FS) as number, "CLONE_FS");
    checked("setns", setnsCall(namespace, CLONE_NEWNS) as number, `mount namespace of ${pid}`);
  } finally {
    closeCall(namespace);
  }
}

/** A directory (or file) of the host that shall appear in a private root. */
export interface RootBind {
  readonly source: string;
  readonly destination: string;
  readonly isReadOnly?: boolean;
}

/**
 * Gives the calling worker thread a mount namespace of its own with `overlay` mounted on `target` as root and `binds` inside it.
 * Binds are taken as detached trees before the root is entered, so that no link in the image can send them to the host.
 * `makePlace` makes a bind's destination, called inside the new root. All is gone with the thread. Source: open_tree(2), move_mount(2).
 */
export function enterPrivateRoot(
  overlay: OverlayDirectories,
  target: string,
  binds: readonly RootBind[],
  makePlace: (destination: string) => void,
  isRootReadOnly: boolean,
): void {
  checked("unshare", unshareCall(CLONE_FS_AND_NEWNS) as number, "CLONE_FS|CLONE_NEWNS");
  checked("mount", mountCall(null, "/", null, MS_REC_PRIVATE, null) as number, "/ private");
  const trees = binds.map(({ source, destination, isReadOnly }) => ({
    destination,
    isReadOnly,
    fd: checked(
      "open_tree",
      Number(openTree(SYS_OPEN_TREE, AT_FDCWD, source, OPEN_TREE_CLONE | AT_RECURSIVE | CLOEXEC_TREE)),
      JSON.stringify(source),
    ),
  }));
  try {
    mountOverlay(overlay, target);
    checked("chroot", chrootCall(target) as number, JSON.stringify(target));
    for (const { destination, isReadOnly, fd } of trees) {
      makePlace(destination);
      checked(
        "move_mount",
        Number(moveMount(SYS_MOVE_MOUNT, fd, "", AT_FDCWD, destination, MOVE_MOUNT_F_EMPTY_PATH)),
        JSON.stringify(destination),
      );
      if (isReadOnly === true) setReadOnly(destination);
    }
    if (isRootReadOnly) setReadOnly("/");
  } finally {
    for (const { fd } of trees) closeCall(fd);
  }
}

/** This mount alone, not the file system. Source: mount(2), remounting a bind mount. */
function setReadOnly(place: string): void {
  checked(
    "mount",
    mountCall(null, place, null, MS_REMOUNT_BIND_RDONLY, null) as number,
    `${place} read-only`,
  );
}
