import type { StarterState } from "@longshore/protocol";
import { Button, EmptyState } from "@longshore/ui";
import { useEffect, useState, type ReactElement } from "react";
import { call, openStream } from "../../bridge/bridge.ts";
import { adviceFor } from "../../shell/catalogue.ts";
import { openDialog } from "../../shell/dialogs.ts";
import { Failure } from "../../shell/failure.tsx";
import { go } from "../../shell/routes.ts";
import { useWorld } from "../../world/store.ts";

const PORT = "8080";

/** Starts the starter image on 8080, or on a port of the engine's choice when somebody holds that one. */
async function startFirst(reference: string): Promise<string> {
  const start = async (HostPort: string): Promise<string> => {
    const { Id } = await call("containers.create", {
      name: "",
      start: false,
      request: {
        Image: reference,
        ExposedPorts: { [`${PORT}/tcp`]: {} },
        HostConfig: { PortBindings: { [`${PORT}/tcp`]: [{ HostPort }] } },
      },
    });
    try {
      await call("containers.act", { id: Id, action: "start" });
    } catch (error) {
      await call("containers.remove", { id: Id, force: true, volumes: true, forGood: true });
      throw error;
    }
    return Id;
  };
  try {
    return await start(PORT);
  } catch (error) {
    if (!(error instanceof Error) || adviceFor(error.message).id !== "port-taken") throw error;
    return await start("");
  }
}

/** The first screen on an empty engine: one click runs the starter image, without any registry. */
export function Welcome(): ReactElement {
  const isLongshore = useWorld((world) => world.engine?.isLongshore ?? false);
  const [starter, setStarter] = useState<StarterState>();
  const [doing, setDoing] = useState("");
  const [failure, setFailure] = useState<unknown>();
  useEffect(() => {
    if (!isLongshore) return;
    call("starter.state", {}).then(
      (state) => setStarter(state.isLoaded || state.isAvailable ? state : undefined),
      () => undefined,
    );
  }, [isLongshore]);

  const run = async (): Promise<void> => {
    setFailure(undefined);
    try {
      if (starter?.isLoaded !== true) {
        setDoing("Loading the starter image…");
        await new Promise<void>((done, fail) =>
          openStream("starter.load", {}, { onItem: () => undefined, onEnd: () => done(), onError: fail }),
        );
      }
      setDoing("Starting…");
      const Id = await startFirst(starter?.reference ?? "");
      go({ page: "containers", id: Id, tab: "overview" });
    } catch (error) {
      setFailure(error);
    } finally {
      setDoing("");
    }
  };

  return (
    <EmptyState
      title="No containers yet"
      action={
        <>
          <div className="row">
            {starter !== undefined && (
              <Button look="primary" disabled={doing !== ""} onClick={() => void run()}>
                {doing === "" ? "Run a first container" : doing}
              </Button>
            )}
            <Button onClick={() => openDialog({ kind: "run", image: "" })}>Run an image…</Button>
            <Button onClick={() => openDialog({ kind: "pull", reference: "" })}>Pull an image…</Button>
          </div>
          {failure !== undefined && <Failure what="Couldn’t run the first container" error={failure} />}
        </>
      }
    >
      {starter === undefined
        ? "Run an image that is here, or pull one first."
        : "Longshore carries a small image of its own: a shell and a web server. It needs no registry and answers on port 8080, or on another one if that is taken."}
    </EmptyState>
  );
}
