import { Button, CheckField, LinesField, SelectField, TextField } from "@longshore/ui";
import { useId, useState, type ReactElement } from "react";
import { call } from "../../bridge/bridge.ts";
import { ActionDialog } from "../../shell/action-dialog.tsx";
import { go } from "../../shell/routes.ts";
import { toast } from "../../shell/toasts.tsx";
import { refresh } from "../../world/feed.ts";
import { useWorld } from "../../world/store.ts";
import {
  dockerCommand,
  emptyRun,
  faultsOf,
  runRequest,
  type Faults,
  type RunChoices,
} from "./run-request.ts";

type TextKey = Exclude<keyof RunChoices, "isInteractive" | "removesItself">;

/** Everything `docker run` is asked for most, with the command that does the same. */
export function RunForm({
  image,
  onClose,
}: {
  readonly image: string;
  readonly onClose: () => void;
}): ReactElement {
  const [choices, setChoices] = useState<RunChoices>({ ...emptyRun, image });
  const [isTried, setTried] = useState(false);
  const command = dockerCommand(choices);
  const run = async (): Promise<void> => {
    const { Id } = await call("containers.create", {
      name: choices.name,
      request: runRequest(choices),
      start: true,
    });
    refresh(["containers"]);
    go({ page: "containers", id: Id, tab: choices.isInteractive ? "terminal" : "logs" });
  };
  const isFaulty = Object.keys(faultsOf(choices)).length > 0;
  return (
    <ActionDialog
      title="Run a container"
      action="Run"
      busy="Starting…"
      failed="Couldn’t run it"
      isWide
      onClose={onClose}
      onCheck={() => {
        setTried(true);
        return !isFaulty;
      }}
      onAction={run}
      foot={
        <div className="run-command">
          <pre tabIndex={0} aria-label="docker command">
            {command}
          </pre>
          <Button
            className="small"
            onClick={() =>
              void call("clipboard.write", { text: command }).then(() =>
                toast({ title: "Copied", body: "", isBad: false }),
              )
            }
          >
            Copy
          </Button>
        </div>
      }
    >
      <RunFields choices={choices} faults={isTried ? faultsOf(choices) : {}} onChange={setChoices} />
    </ActionDialog>
  );
}

function RunFields({
  choices,
  faults,
  onChange,
}: {
  readonly choices: RunChoices;
  readonly faults: Faults;
  readonly onChange: (choices: RunChoices) => void;
}): ReactElement {
  const images = useWorld((world) => world.images);
  const networks = useWorld((world) => world.networks);
  const listId = useId();
  /** What every field of text takes: its value, its fault and how it changes. */
  const bind = (
    key: TextKey,
  ): {
    readonly value: string;
    readonly fault: string | undefined;
    onChange(event: { readonly target: { readonly value: string } }): void;
  } => ({
    value: choices[key],
    fault: faults[key],
    onChange: (event) => onChange({ ...choices, [key]: event.target.value }),
  });
  const check = (
    key: "isInteractive" | "removesItself",
  ): {
    readonly checked: boolean;
    onChange(event: { readonly target: { readonly checked: boolean } }): void;
  } => ({
    checked: choices[key],
    onChange: (event) => onChange({ ...choices, [key]: event.target.checked }),
  });
  return (
    <>
      <div className="two">
        <TextField label="Image" list={listId} className="input mono" {...bind("image")} />
        <TextField label="Name" placeholder="made up when empty" {...bind("name")} />
      </div>
      <datalist id={listId}>
        {images
          .flatMap((one) => one.RepoTags ?? [])
          .map((tag) => (
            <option key={tag} value={tag}>
              {tag}
            </option>
          ))}
      </datalist>
      <TextField
        label="Command"
        placeholder="the image’s own when empty"
        className="input mono"
        {...bind("command")}
      />
      <div className="three">
        <LinesField label="Ports" hint="8080:80, one a line" {...bind("ports")} />
        <LinesField label="Environment" hint="NAME=value, one a line" {...bind("env")} />
        <LinesField label="Volumes" hint="data:/var/lib or /host:/path:ro" {...bind("volumes")} />
      </div>
      <div className="four">
        <SelectField label="Network" {...bind("network")}>
          <option value="">default bridge</option>
          {networks
            .filter((network) => network.Name !== "bridge")
            .map((network) => (
              <option key={network.Id} value={network.Name}>
                {network.Name}
              </option>
            ))}
        </SelectField>
        <SelectField label="Restart" {...bind("restart")}>
          <option value="no">never</option>
          <option value="on-failure">on failure</option>
          <option value="unless-stopped">unless stopped</option>
          <option value="always">always</option>
        </SelectField>
        <TextField label="Memory limit" placeholder="512m" {...bind("memory")} />
        <TextField label="CPU limit" placeholder="1.5" {...bind("cpus")} />
      </div>
      <div className="row checks">
        <CheckField label="Interactive, with a terminal" {...check("isInteractive")} />
        <CheckField label="Remove it when it ends" {...check("removesItself")} />
      </div>
    </>
  );
}
