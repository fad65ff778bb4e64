import type { ITheme, Terminal } from "@xterm/xterm";

/** The terminal's colours from the tokens of the page, so both themes fit. */
export function terminalTheme(): ITheme {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string): string => style.getPropertyValue(name).trim();
  return {
    background: token("--surface"),
    foreground: token("--text"),
    cursor: token("--accent"),
    cursorAccent: token("--surface"),
    selectionBackground: token("--accent-soft"),
    red: token("--bad"),
    green: token("--running"),
    yellow: token("--warn"),
    blue: token("--info"),
    magenta: token("--wet"),
    cyan: token("--accent"),
  };
}

export function recolorTerminal(terminal: Terminal): void {
  terminal.options.theme = terminalTheme();
}
