import type { ReactElement } from "react";

export type Tone = "running" | "warn" | "bad" | "idle" | "info";
export type Shape =
  | "filled"
  | "half"
  | "bars"
  | "tick"
  | "triangle"
  | "hollow"
  | "cross"
  | "dashed"
  | "question";

/** A state is a shape, a word and a colour; never a colour alone. */
export function StateMark({
  tone,
  shape,
  word,
}: {
  readonly tone: Tone;
  readonly shape: Shape;
  readonly word: string;
}): ReactElement {
  return (
    <span className="state" data-tone={tone}>
      <svg
        width="12"
        height="12"
        viewBox="0 0 12 12"
        aria-hidden="true"
        className={shape === "half" ? "spin" : ""}
      >
        {drawing(shape)}
      </svg>
      <span className="cut">{word}</span>
    </span>
  );
}

function drawing(shape: Shape): ReactElement {
  const stroke = { fill: "none", stroke: "currentColor", strokeWidth: 1.8 } as const;
  switch (shape) {
    case "filled":
      return <circle cx="6" cy="6" r="5" fill="currentColor" />;
    case "half":
      return (
        <g>
          <circle cx="6" cy="6" r="4.5" {...stroke} />
          <path d="M6 1.5a4.5 4.5 0 0 1 0 9z" fill="currentColor" />
        </g>
      );
    case "bars":
      return <path d="M3.5 1.5v9M8.5 1.5v9" {...stroke} strokeWidth={2.4} />;
    case "tick":
      return (
        <g>
          <circle cx="6" cy="6" r="5.6" fill="currentColor" />
          <path d="M3.4 6.2l1.8 1.8 3.4-3.8" fill="none" stroke="var(--surface)" strokeWidth="1.6" />
        </g>
      );
    case "triangle":
      return <path d="M6 1l5.5 10h-11z" fill="currentColor" />;
    case "hollow":
      return <circle cx="6" cy="6" r="4.5" {...stroke} />;
    case "cross":
      return <path d="M2 2l8 8M10 2l-8 8" {...stroke} strokeWidth={2.2} />;
    case "dashed":
      return <circle cx="6" cy="6" r="4.5" {...stroke} strokeDasharray="2.4 2.3" />;
    case "question":
      return (
        <text x="6" y="10.5" fontSize="12" fontWeight="700" textAnchor="middle" fill="currentColor">
          ?
        </text>
      );
  }
}
