import type { EngineState, StartStep } from "@longshore/protocol";
import { Button, StackGlyph, StateMark } from "@longshore/ui";
import type { ReactElement } from "react";
import { call } from "../bridge/bridge.ts";

/** Named steps with their times while the engine starts; what failed and what to do when it does not. */
export function StartScreen({ engine }: { readonly engine: EngineState | undefined }): ReactElement {
  const { failure } = engine ?? {};
  return (
    <main className="start-screen" aria-busy={failure === undefined}>
      <div className="start-box">
        <StackGlyph strata={4} wetBytes={4096} label="" />
        <h1>{failure === undefined ? "Starting the engine" : "The engine did not start"}</h1>
        <ol className="start-steps">
          {(engine?.steps ?? []).map((step) => (
            <li key={step.name}>
              <StepMark step={step} />
              <span className="grow">{step.name}</span>
              <span className="dim">{step.detail}</span>
              <span className="dim start-time">{step.tookMs > 0 ? `${step.tookMs} ms` : ""}</span>
            </li>
          ))}
        </ol>
        {failure !== undefined && (
          <div className="notice" role="alert">
            <strong>{failure.message}</strong>
            <span>{failure.hint}</span>
            <Button look="primary" onClick={() => void call("engine.retry", {})}>
              Try again
            </Button>
          </div>
        )}
        {failure !== undefined && failure.log !== "" && (
          <details open>
            <summary>The engine’s own words</summary>
            <pre className="start-log" tabIndex={0} aria-label="Engine log">
              {failure.log}
            </pre>
          </details>
        )}
        <p className="dim mono">{engine?.endpoint}</p>
      </div>
    </main>
  );
}

function StepMark({ step }: { readonly step: StartStep }): ReactElement {
  switch (step.state) {
    case "waiting":
      return <StateMark tone="idle" shape="dashed" word="Waiting" />;
    case "running":
      return <StateMark tone="warn" shape="half" word="Running" />;
    case "done":
      return <StateMark tone="running" shape="tick" word="Done" />;
    case "failed":
      return <StateMark tone="bad" shape="cross" word="Failed" />;
  }
}
