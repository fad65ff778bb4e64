import type { StarterState } from "@longshore/protocol";
import { Button, EmptyState } from "@longshore/ui";
import { useEffect, useState, type ReactElement } from "react";
import { call, openStream } from "../../bridge/bridge.ts";
import { Failure } from "../../shell/failure.tsx";
import { go } from "../../shell/routes.ts";
import { useWorld } from "../../world/store.ts";

/** The first screen on an empty engine: one click runs the starter image, without any registry. */
export function Welcome({ onRun }: { readonly onRun: () => void }): ReactElement {
  const isLongshore = useWorld((world) => world.engine?.isLongshore ?? false);
  const [starter, setStarter] = useState<StarterState>();
  const [doing, setDoing] = useState("");
  const [failure, setFailure] = useState<unknown>();
  useEffect(() => {
    if (!isLongshore) return;
    call("starter.state", {}).then(setStarter, () => undefined);
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
      const { Id } = await call("containers.create", {
        name: "hello",
        start: true,
        request: {
          Image: starter?.reference ?? "",
          Cmd: [
            "sh",
            "-c",
            "mkdir -p /www && echo '<h1>Hello from Longshore</h1>' > /www/index.html && echo ready && exec httpd -f -vv -p 80 -h /www",
          ],
          ExposedPorts: { "80/tcp": {} },
          HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "8080" }] } },
        },
      });
      go({ page: "containers", id: Id, tab: "logs" });
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
            <Button onClick={onRun}>Run an image…</Button>
            <Button onClick={() => go({ page: "images" })}>Get an image…</Button>
          </div>
          {failure !== undefined && <Failure what="Couldn’t run the first container" error={failure} />}
        </>
      }
    >
      {starter === undefined
        ? "Run an image that is here, or pull one first."
        : "Longshore carries a small image of its own: a shell and a web server. It needs no registry and opens on port 8080."}
    </EmptyState>
  );
}
