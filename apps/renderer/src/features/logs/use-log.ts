import { useEffect, useState } from "react";
import { openStream } from "../../bridge/bridge.ts";
import { LogStore } from "./log-store.ts";

const TAIL = 10_000;

export interface Log {
  readonly store: LogStore;
  /** Grows with every change: what depends on the lines watches this. */
  readonly version: number;
  readonly error: Error | undefined;
  readonly isEnded: boolean;
  readonly clear: () => void;
}

/** A container's output, followed; opened again where it stopped when the container starts anew. */
export function useLog(id: string, isRunning: boolean): Log {
  const [current] = useState(() => new LogStore());
  const [version, setVersion] = useState(0);
  const [error, setError] = useState<Error>();
  const [isEnded, setEnded] = useState(false);
  useEffect(() => {
    const last = current.resume();
    let frame = 0;
    const stream = openStream(
      "logs",
      { id, tail: TAIL, since: last },
      {
        onItem: (chunks) => {
          setEnded(false);
          setError(undefined);
          for (const { source, bytes } of chunks) current.push(source, bytes);
          // One paint a frame, whatever the rate; the credit waits for it, so a flood is slowed at its source.
          const painted = new Promise<void>((done) => requestAnimationFrame(() => done()));
          if (frame === 0)
            frame = requestAnimationFrame(() => {
              frame = 0;
              setVersion((old) => old + 1);
            });
          return chunks.length > 0 && current.lines.length > 20_000 ? painted : undefined;
        },
        onEnd: () => setEnded(true),
        onError: (failure) => {
          if (failure.kind !== "cancelled") setError(failure);
        },
      },
    );
    return () => {
      cancelAnimationFrame(frame);
      stream.close();
    };
  }, [id, isRunning, current]);
  return {
    store: current,
    version,
    error,
    isEnded,
    clear: () => {
      current.clear();
      setVersion((old) => old + 1);
    },
  };
}
