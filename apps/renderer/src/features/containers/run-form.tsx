import { Button, CheckField, Dialog, SelectField, TextField } from "@longshore/ui";
import { useId, useState, type ReactElement } from "react";
import { call, CallError } from "../../bridge/bridge.ts";
import { Failure } from "../../shell/failure.tsx";
import { go } from "../../shell/routes.ts";
import { refresh } from "../../world/feed.ts";
import { useWorld } from "../../world/store.ts";
import { pull } from "../images/transfers.ts";
import { dockerCommand, emptyRun, faultsOf, runRequest, type RunChoices } from "./run-request.ts";

/** Everything `docker run` is asked for most, with the command that does the same. */
export function RunForm({
  image,
  onClose,
}: {
  readonly image: string;
  readonly onClose: () => void;
}): ReactElement {
  const images = useWorld((world) => world.images);
  const networks = useWorld((world) => world.networks);
  const [choices, setChoices] = useState<RunChoices>({ ...emptyRun, image });
  const [isTried, setTried] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [failure, setFailure] = useState<unknown>();
  const faults = isTried ? faultsOf(choices) : {};
  const command = dockerCommand(choices);
  const listId = useId();
  const set =
    (key: keyof RunChoices) =>
    (event: { readonly target: { readonly value: string } }): void =>
      setChoices((old) => ({ ...old, [key]: event.target.value }));
  const run = async (): Promise<void> => {
    setTried(true);
    if (Object.keys(faultsOf(choices)).length > 0) return;
    setBusy(true);
    setFailure(undefined);
    try {
      const { Id } = await call("containers.create", {
        name: choices.name,
        request: runRequest(choices),
        start: true,
      });
      refresh(["containers"]);
      onClose();
      go({ page: "containers", id: Id, tab: choices.isInteractive ? "terminal" : "logs" });
    } catch (error) {
      setFailure(error);
      setBusy(false);
    }
  };
  const isMissing =
    failure instanceof CallError && failure.status === 404 && /no such image/i.test(failure.message);
  return (
    <Dialog
      title="Run a container"
      onClose={onClose}
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" disabled={isBusy} onClick={() => void run()}>
            {isBusy ? "Starting…" : "Run"}
          </Button>
        </>
      }
    >
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        {failure !== undefined && (
          <Failure
            what="Couldn’t run it"
            error={failure}
            {...(isMissing
              ? {
                  action: `Pull ${choices.image}`,
                  onAction: () => {
                    void pull(choices.image.trim());
                    onClose();
                    go({ page: "images" });
                  },
                }
              : {})}
          />
        )}
        <div className="two">
          <TextField
            label="Image"
            list={listId}
            autoFocus
            value={choices.image}
            onChange={set("image")}
            fault={faults.image}
            className="input mono"
          />
          <TextField
            label="Name"
            placeholder="made up when empty"
            value={choices.name}
            onChange={set("name")}
            fault={faults.name}
          />
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
          value={choices.command}
          onChange={set("command")}
          className="input mono"
        />
        <div className="two">
          <Lines
            label="Ports"
            hint="8080:80, one a line"
            value={choices.ports}
            fault={faults.ports}
            onChange={set("ports")}
          />
          <Lines
            label="Volumes"
            hint="data:/var/lib or /host:/path:ro"
            value={choices.volumes}
            fault={faults.volumes}
            onChange={set("volumes")}
          />
        </div>
        <Lines
          label="Environment"
          hint="NAME=value, one a line"
          value={choices.env}
          fault={faults.env}
          onChange={set("env")}
        />
        <div className="two">
          <SelectField label="Network" value={choices.network} onChange={set("network")}>
            <option value="">default bridge</option>
            {networks
              .filter((network) => network.Name !== "bridge")
              .map((network) => (
                <option key={network.Id} value={network.Name}>
                  {network.Name}
                </option>
              ))}
          </SelectField>
          <SelectField label="Restart" value={choices.restart} onChange={set("restart")}>
            <option value="no">never</option>
            <option value="on-failure">on failure</option>
            <option value="unless-stopped">unless stopped</option>
            <option value="always">always</option>
          </SelectField>
          <TextField
            label="Memory limit"
            placeholder="512m"
            value={choices.memory}
            onChange={set("memory")}
            fault={faults.memory}
          />
          <TextField
            label="CPU limit"
            placeholder="1.5"
            value={choices.cpus}
            onChange={set("cpus")}
            fault={faults.cpus}
          />
        </div>
        {faults.restart !== undefined && <div className="change-deleted note">{faults.restart}</div>}
        <CheckField
          label="Interactive, with a terminal"
          checked={choices.isInteractive}
          onChange={(event) => setChoices({ ...choices, isInteractive: event.target.checked })}
        />
        <CheckField
          label="Remove it when it ends"
          checked={choices.removesItself}
          onChange={(event) => setChoices({ ...choices, removesItself: event.target.checked })}
        />
        <div>
          <div className="row">
            <span className="label grow">The same in a terminal</span>
            <Button onClick={() => void call("clipboard.write", { text: command })}>Copy</Button>
          </div>
          <pre className="code command" tabIndex={0} aria-label="docker command">
            {command}
          </pre>
        </div>
      </form>
    </Dialog>
  );
}

function Lines({
  label,
  hint,
  value,
  fault,
  onChange,
}: {
  readonly label: string;
  readonly hint: string;
  readonly value: string;
  readonly fault: string | undefined;
  readonly onChange: (event: { readonly target: { readonly value: string } }) => void;
}): ReactElement {
  const id = useId();
  return (
    <div className="field">
      <label className="label" htmlFor={id}>
        {label}
      </label>
      <textarea
        id={id}
        rows={2}
        className="input mono"
        value={value}
        aria-invalid={fault !== undefined}
        aria-describedby={`${id}-note`}
        onChange={onChange}
      />
      <div id={`${id}-note`} className={fault === undefined ? "dim note" : "change-deleted note"}>
        {fault ?? hint}
      </div>
    </div>
  );
}
