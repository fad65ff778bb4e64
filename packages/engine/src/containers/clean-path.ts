import path from "node:path";

/** Without dots, doubled slashes and a slash at the end: one spelling for each place. */
export const cleanPath = (text: string): string => path.posix.normalize(text).replace(/(.)\/$/, "$1");
