export { loadNftScript } from "./linux/nft-command.ts";
export { NetworkCallError, openNetworkThread, type NetworkThread } from "./linux/network-thread.ts";
export type { DnsSockets, LinkCounters, Plug } from "./linux/network-calls.ts";
export type { NftElement, NftPart } from "./linux/nftables.ts";
export { copyTree, isMountPoint, mountDevice, removeTree, unmountDevice } from "./linux/file-tree.ts";
export {
  deviceNumbers,
  enterRoot,
  getXattr,
  listXattrs,
  makeNode,
  makeWhiteout,
  setTimes,
  setXattr,
  syncInBackground,
} from "./linux/files.ts";
export {
  enterMountNamespace,
  enterPrivateRoot,
  mountOverlay,
  mountsBelow,
  mountTmpfs,
  type OverlayDirectories,
  type RootBind,
  unmount,
} from "./linux/mounts.ts";
export * from "./linux/cgroups.ts";
export * from "./linux/clock.ts";
export * from "./linux/descriptor-passing.ts";
export * from "./linux/descriptors.ts";
export * from "./linux/process.ts";
export * from "./linux/socket-owner.ts";
export * from "./linux/stdio.ts";
export { UnixDatagramSocket } from "./linux/unix-datagram.ts";
