/** True where letters belong to a field or a terminal, so that no shortcut may take them. */
export function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.closest("input, textarea, select, [contenteditable], .xterm") !== null
  );
}

const STOPS = 'a[href], button:not(:disabled), input, select, textarea, [tabindex="0"]';

/** Moves the focus to the next region (rail, list, detail, status bar, messages), where it last was or at its first stop. */
export function focusNextPane(step: 1 | -1): void {
  const panes = [...document.querySelectorAll<HTMLElement>("[data-pane]")].filter((pane) =>
    pane.checkVisibility(),
  );
  const here = panes.findIndex((pane) => pane.contains(document.activeElement));
  const start = here < 0 ? (step === 1 ? -1 : 0) : here;
  for (let tried = 1; tried <= panes.length; tried++) {
    const pane = panes.at((start + step * tried) % panes.length);
    const row = pane?.querySelector<HTMLElement>(
      '[role="row"][tabindex="0"], [aria-current="page"], [role="tab"][tabindex="0"]',
    );
    const stop = row ?? pane?.querySelector<HTMLElement>(STOPS);
    if (stop === null || stop === undefined) continue;
    stop.focus();
    return;
  }
}

export interface Shortcut {
  readonly keys: string;
  readonly does: string;
}

/** Puts a focus that has lost its place into the list. */
export function focusList(): void {
  requestAnimationFrame(() => {
    if (document.activeElement !== null && document.activeElement !== document.body) return;
    document.querySelector<HTMLElement>('.list [role="row"][tabindex="0"]')?.focus();
  });
}

interface Shortcuts {
  readonly where: string;
  readonly keys: readonly Shortcut[];
}

/** Every shortcut, by where it works: the help sheet shows this list. `pageNames` in the order of their numbers. */
export const shortcutsOf = (pageNames: readonly string[]): readonly Shortcuts[] => [
  {
    where: "Anywhere",
    keys: [
      { keys: "Ctrl+K", does: "Find or do anything" },
      { keys: `Ctrl+1 … ${pageNames.length}`, does: pageNames.join(", ") },
      { keys: "F6, Shift+F6", does: "Next region, region before" },
      { keys: "Esc", does: "Close the detail or the dialog" },
      { keys: "Ctrl+Z", does: "Undo the removal just made" },
      { keys: "?", does: "This sheet" },
    ],
  },
  {
    where: "In a list",
    keys: [
      { keys: "/", does: "Filter" },
      { keys: "↑ ↓ or K J", does: "Row before, next row" },
      { keys: "Home End", does: "First row, last row" },
      { keys: "Enter", does: "Open" },
      { keys: "← →", does: "Close or open a project" },
      { keys: "Del", does: "Remove a container, image or volume" },
    ],
  },
  {
    where: "On a container",
    keys: [
      { keys: "S", does: "Start or stop" },
      { keys: "R", does: "Restart" },
      { keys: "L", does: "Its log" },
      { keys: "T", does: "A terminal in it" },
    ],
  },
  ...(pageNames.includes("Trash")
    ? [
        {
          where: "In the trash",
          keys: [
            { keys: "R", does: "Restore" },
            { keys: "Del", does: "Delete forever…" },
          ],
        },
      ]
    : []),
  {
    where: "In a log",
    keys: [
      { keys: "Ctrl+F", does: "Find" },
      { keys: "Enter, Shift+Enter", does: "Next match, match before" },
      { keys: "End", does: "Follow" },
    ],
  },
  {
    where: "In a terminal",
    keys: [
      { keys: "F6", does: "Leave it; Tab belongs to the shell" },
      { keys: "Ctrl+Shift+C, V", does: "Copy, paste" },
    ],
  },
];
