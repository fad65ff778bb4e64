import type { ContainerSummary } from "@longshore/protocol";
import {
  Button,
  formatBytes,
  formatPercent,
  IconButton,
  Sparkline,
  StackGlyph,
  StateMark,
} from "@longshore/ui";
import { ChevronDown, ChevronRight, Play, ScrollText, Square, SquareTerminal } from "lucide-react";
import { memo, type ReactElement } from "react";
import { go } from "../../shell/routes.ts";
import { useRoughly } from "../../world/ago.ts";
import { nameOf, publishedPorts, stateBegan, stateLook, type ListRow } from "../../world/derive.ts";
import { useWorld, type ListedContainer } from "../../world/store.ts";
import { act, openPort, toggle } from "./actions.ts";

type ContainerRowProps = {
  readonly container: ListedContainer;
};

/** The cells of one container. Subscribes to its own meter only, so a sample repaints one row. */
export const ContainerCells: React.MemoExoticComponent<(props: ContainerRowProps) => ReactElement> = memo(
  function ContainerCells({ container }: ContainerRowProps): ReactElement {
    const name = nameOf(container);
    const verb = useWorld((world) => world.verbs.get(container.Id));
    const look = stateLook(container.State, container.Status, verb);
    return (
      <>
        <div role="gridcell" className="cell-state">
          <StateMark {...look} />
        </div>
        <div role="gridcell" className="cell-name cut" title={name}>
          <span className="strong">{name}</span>
        </div>
        <div role="gridcell" className="cell-stack">
          <Stack container={container} />
        </div>
        <div role="gridcell" className="cell-image cut mono" title={container.ImageID}>
          {container.Image}
        </div>
        <div role="gridcell" className="cell-ports cut">
          <Ports container={container} />
        </div>
        <Usage id={container.Id} />
        <Since container={container} />
        <div role="gridcell" className="cell-actions">
          <IconButton
            label={`${container.State === "running" ? "Stop" : "Start"} ${name}`}
            keyName="S"
            tabIndex={-1}
            disabled={verb !== undefined}
            onClick={(event) => {
              event.stopPropagation();
              void toggle(container);
            }}
          >
            {container.State === "running" ? <Square size={14} /> : <Play size={14} />}
          </IconButton>
          <IconButton
            label={`Log of ${name}`}
            keyName="L"
            tabIndex={-1}
            onClick={(event) => {
              event.stopPropagation();
              go({ page: "containers", id: container.Id, tab: "logs" });
            }}
          >
            <ScrollText size={14} />
          </IconButton>
          <IconButton
            label={`Terminal in ${name}`}
            keyName="T"
            tabIndex={-1}
            onClick={(event) => {
              event.stopPropagation();
              go({ page: "containers", id: container.Id, tab: "terminal" });
            }}
          >
            <SquareTerminal size={14} />
          </IconButton>
        </div>
      </>
    );
  },
);

/** Strata of the image with the container's own bytes on top. */
export function Stack({
  container,
}: {
  readonly container: Pick<ContainerSummary, "Id" | "ImageID">;
}): ReactElement {
  const strata = useWorld((world) => world.imageDetails.get(container.ImageID)?.RootFS?.Layers?.length ?? 0);
  const wet = useWorld((world) => world.wetBytes.get(container.Id) ?? 0);
  const layers = strata === 0 ? "layers not counted yet" : `${strata} ${strata === 1 ? "layer" : "layers"}`;
  return <StackGlyph strata={strata} wetBytes={wet} label={`${layers}, ${formatBytes(wet)} written`} />;
}

export function Ports({ container }: { readonly container: Pick<ContainerSummary, "Ports"> }): ReactElement {
  return (
    <>
      {publishedPorts(container.Ports).map(({ label, url }) =>
        url === undefined ? (
          <span key={label} className="chip">
            {label}
          </span>
        ) : (
          <a
            key={label}
            className="chip port"
            href={url}
            title={`Open ${url}`}
            onClick={(event) => {
              event.preventDefault();
              event.stopPropagation();
              void openPort(url);
            }}
          >
            {label} ↗
          </a>
        ),
      )}
    </>
  );
}

/** How long it runs, or how long ago it ended. */
function Since({ container }: { readonly container: ListedContainer }): ReactElement {
  const isUp = container.Status.startsWith("Up ");
  const began = stateBegan(container.Status, container.readAt) ?? container.Created * 1000;
  const words = useRoughly(began);
  return (
    <div role="gridcell" className="cell-since cut dim">
      {words}
      {isUp ? "" : " ago"}
    </div>
  );
}

function Usage({ id }: { readonly id: string }): ReactElement {
  const meter = useWorld((world) => world.meters.get(id));
  return (
    <>
      <div role="gridcell" className="cell-cpu">
        {meter !== undefined && (
          <>
            <Sparkline values={meter.cpuHistory} top={5} width={40} />
            <span className="number">{formatPercent(meter.sample.cpuPercent)}</span>
          </>
        )}
      </div>
      <div role="gridcell" className="cell-memory number">
        {meter === undefined ? "" : formatBytes(meter.sample.memoryBytes)}
      </div>
    </>
  );
}

type GroupCellsProps = { readonly row: Extract<ListRow, { kind: "group" }> };

/** The cells of a project: what its members do together. */
export function GroupCells({ row }: GroupCellsProps): ReactElement {
  const running = row.members.filter((member) => member.State === "running").length;
  const looks = row.members.map((member) => stateLook(member.State, member.Status));
  const worst = looks.find((look) => look.tone === "bad") ?? looks.find((look) => look.tone === "warn");
  return (
    <div role="gridcell" className="cell-group">
      <span className="group-arrow" aria-hidden="true">
        {row.isOpen ? <ChevronDown size={14} /> : <ChevronRight size={14} />}
      </span>
      <span className="strong cut">{row.project}</span>
      <span className="dim number">
        {running} of {row.members.length} running
      </span>
      {worst !== undefined && <StateMark {...worst} />}
      <span className="grow" />
      <GroupUsage ids={row.members.map((member) => member.Id)} />
      {running < row.members.length && (
        <Button
          className="small"
          tabIndex={-1}
          onClick={(event) => {
            event.stopPropagation();
            for (const member of row.members) if (member.State !== "running") void act(member, "start");
          }}
        >
          Start all
        </Button>
      )}
      {running > 0 && (
        <Button
          className="small"
          tabIndex={-1}
          onClick={(event) => {
            event.stopPropagation();
            for (const member of row.members) if (member.State === "running") void act(member, "stop");
          }}
        >
          Stop all
        </Button>
      )}
    </div>
  );
}

/** What a project uses together. */
function GroupUsage({ ids }: { readonly ids: readonly string[] }): ReactElement | null {
  const words = useWorld(({ meters }) => {
    const samples = ids.map((id) => meters.get(id)?.sample).filter((sample) => sample !== undefined);
    if (samples.length === 0) return "";
    const percent = samples.reduce((sum, sample) => sum + sample.cpuPercent, 0);
    return `${formatPercent(percent)} · ${formatBytes(samples.reduce((sum, one) => sum + one.memoryBytes, 0))}`;
  });
  return words === "" ? null : <span className="dim number group-usage">{words}</span>;
}
