export type * from "./contract.ts";
export { loadNftScript } from "./linux/nft-command.ts";
export { NetworkCallError, openNetworkThread } from "./linux/network-thread.ts";
export { BLOCK_BYTES, copyTree, removeTree, treeBytes } from "./linux/file-tree.ts";
export { linuxMounts, mountOf } from "./linux/mount-table.ts";
export {
  deviceNumbers,
  enterRoot,
  getXattr,
  listXattrs,
  makeNode,
  makeWhiteout,
  setTimes,
  setXattr,
  spreadSubfolders,
  syncInBackground,
} from "./linux/files.ts";
export {
  enterMountNamespace,
  enterPrivateRoot,
  mountOverlay,
  bindMount,
  mountTmpfs,
  type OverlayDirectories,
  type RootBind,
  unmount,
} from "./linux/mounts.ts";
export { cgroupMode, isCgroupDelegated, linuxCgroups, mountForgottenControllers } from "./linux/cgroups.ts";
export { CgroupMoves } from "./linux/cgroup-moves.ts";
export * from "./linux/clock.ts";
export * from "./linux/descriptor-passing.ts";
export * from "./linux/descriptors.ts";
export * from "./linux/process.ts";
export * from "./linux/socket-owner.ts";
export { throughProgram } from "./linux/through-program.ts";
export * from "./linux/stdio.ts";
export { UnixDatagramSocket } from "./linux/unix-datagram.ts";
