import type { ContainerInspect, ContainerSummary } from "@longshore/protocol";
import { Button, formatBytes, formatPercent, shortId, Sparkline } from "@longshore/ui";
import { useState, type ReactElement, type ReactNode } from "react";
import { go } from "../../shell/routes.ts";
import { useWorld } from "../../world/store.ts";
import { stateStory } from "./overview-words.ts";
import { Ports } from "./row.tsx";
import { ago } from "../../world/ago.ts";

/** What it is, how it does, and what it was started with. */
export function Overview({
  details,
  summary,
}: {
  readonly details: ContainerInspect;
  readonly summary: ContainerSummary;
}): ReactElement {
  const meter = useWorld((world) => world.meters.get(details.Id));
  const wet = useWorld((world) => world.wetBytes.get(details.Id));
  const { HostConfig: limits, Config: config } = details;
  const networks = Object.entries(details.NetworkSettings.Networks ?? {});
  return (
    <div className="pad stack">
      <p className="story">{stateStory(details)}</p>
      {meter !== undefined && (
        <div className="meters">
          <Meter title="CPU" value={formatPercent(meter.sample.cpuPercent)}>
            <Sparkline values={meter.cpuHistory} width={160} height={28} top={5} />
          </Meter>
          <Meter title="Memory" value={formatBytes(meter.sample.memoryBytes)}>
            <span className="dim">of {formatBytes(meter.sample.memoryLimitBytes)}</span>
          </Meter>
          <Meter title="Network" value={`${formatBytes(meter.sample.receivedBytes)} in`}>
            <span className="dim">{formatBytes(meter.sample.sentBytes)} out</span>
          </Meter>
          <Meter title="Written" value={wet === undefined ? "…" : formatBytes(wet)}>
            <span className="dim">{meter.sample.processes} processes</span>
          </Meter>
        </div>
      )}
      <Card title="Runs">
        <dl className="facts">
          <dt>Image</dt>
          <dd>
            <a
              href={`#/images/${encodeURIComponent(details.Image)}`}
              onClick={(event) => {
                event.preventDefault();
                go({ page: "images", id: details.Image });
              }}
            >
              {config.Image}
            </a>
          </dd>
          <dt>Command</dt>
          <dd className="mono">{[details.Path, ...details.Args].join(" ")}</dd>
          <dt>Id</dt>
          <dd className="mono">{shortId(details.Id)}</dd>
          <dt>Created</dt>
          <dd>{ago(Date.parse(details.Created))}</dd>
          <dt>Restarts</dt>
          <dd>
            {limits.RestartPolicy?.Name === "" ? "no" : (limits.RestartPolicy?.Name ?? "no")}
            {details.RestartCount > 0 && `, restarted ${details.RestartCount} times`}
          </dd>
          <dt>Limits</dt>
          <dd>
            {limits.Memory ? `${formatBytes(limits.Memory)} memory` : "memory unlimited"},{" "}
            {limits.NanoCpus ? `${limits.NanoCpus / 1e9} CPUs` : "CPU unlimited"}
          </dd>
          {config.User !== undefined && config.User !== "" && (
            <>
              <dt>User</dt>
              <dd>{config.User}</dd>
            </>
          )}
        </dl>
      </Card>
      <Card title="Network">
        <dl className="facts">
          <dt>Ports</dt>
          <dd>
            {summary.Ports.some((port) => port.PublicPort !== undefined) ? (
              <Ports container={summary} />
            ) : (
              "none published"
            )}
          </dd>
          {networks.map(([name, endpoint]) => (
            <FactRow key={name} name={name}>
              {endpoint.IPAddress === undefined || endpoint.IPAddress === ""
                ? "no address"
                : endpoint.IPAddress}
            </FactRow>
          ))}
        </dl>
      </Card>
      <Card title="Mounts">
        {details.Mounts.length === 0 ? (
          <p className="dim">None.</p>
        ) : (
          <dl className="facts">
            {details.Mounts.map((mount) => (
              <FactRow key={mount.Destination} name={mount.Destination}>
                {mount.Type} {mount.Name ?? mount.Source} {mount.RW ? "" : "(read-only)"}
              </FactRow>
            ))}
          </dl>
        )}
      </Card>
      <Environment values={config.Env ?? []} />
    </div>
  );
}

function Card({ title, children }: { readonly title: string; readonly children: ReactNode }): ReactElement {
  return (
    <section className="card">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function FactRow({ name, children }: { readonly name: string; readonly children: ReactNode }): ReactElement {
  return (
    <>
      <dt className="mono">{name}</dt>
      <dd className="mono">{children}</dd>
    </>
  );
}

function Meter({
  title,
  value,
  children,
}: {
  readonly title: string;
  readonly value: string;
  readonly children: ReactNode;
}): ReactElement {
  return (
    <div className="meter">
      <span className="label">{title}</span>
      <span className="meter-value">{value}</span>
      {children}
    </div>
  );
}

/** Values stay hidden until asked for: they often hold secrets. */
function Environment({ values }: { readonly values: readonly string[] }): ReactElement {
  const [isShown, setShown] = useState(false);
  return (
    <section className="card">
      <div className="row">
        <h3 className="grow">Environment</h3>
        {values.length > 0 && (
          <Button onClick={() => setShown(!isShown)}>{isShown ? "Hide values" : "Show values"}</Button>
        )}
      </div>
      {values.length === 0 && <p className="dim">Empty.</p>}
      <dl className="facts">
        {values.map((line) => {
          const at = line.indexOf("=");
          return (
            <FactRow key={line} name={line.slice(0, at)}>
              {isShown ? line.slice(at + 1) : "••••••"}
            </FactRow>
          );
        })}
      </dl>
    </section>
  );
}
