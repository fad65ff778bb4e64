import type { ContainerInspect, ContainerSummary } from "@longshore/protocol";
import { Button, formatBytes, formatPercent, shortId, Sparkline } from "@longshore/ui";
import { useState, type ReactElement, type ReactNode } from "react";
import { ObjectLink } from "../../shell/object-link.tsx";
import { useMetersOf } from "../../world/meters.ts";
import { useWorld } from "../../world/store.ts";
import { stateStory } from "./overview-words.ts";
import { Ports } from "./row.tsx";
import { ago } from "../../world/ago.ts";

const RESTARTS: Readonly<Record<string, string>> = {
  "": "never",
  no: "never",
  always: "always",
  "on-failure": "on failure",
  "unless-stopped": "unless stopped",
};

/** What it is, how it does, and what it was started with. */
export function Overview({
  details,
  summary,
}: {
  readonly details: ContainerInspect;
  readonly summary: ContainerSummary;
}): ReactElement {
  useMetersOf([details.Id]);
  const meter = useWorld((world) => world.meters.get(details.Id));
  const wet = useWorld((world) => world.wetBytes.get(details.Id));
  const { Config: config } = details;
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
            <span className="dim">
              {meter.sample.processes === 1 ? "1 process" : `${meter.sample.processes} processes`}
            </span>
          </Meter>
        </div>
      )}
      <div className="cards">
        <Runs details={details} />
        <Card title="Network">
          <dl className="facts">
            <dt>Ports</dt>
            <dd>
              {summary.Ports.some((port) => port.PublicPort !== undefined) ? (
                <Ports container={summary} />
              ) : (
                <span className="dim">none published</span>
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
        <Health details={details} />
        <Card title="Mounts">
          {details.Mounts.length === 0 ? (
            <p className="dim">None.</p>
          ) : (
            <dl className="facts">
              {details.Mounts.map((mount) => (
                <FactRow key={mount.Destination} name={mount.Destination}>
                  {mount.Type === "volume" && mount.Name !== undefined ? (
                    <ObjectLink to={{ page: "volumes", id: mount.Name }}>{mount.Name}</ObjectLink>
                  ) : (
                    mount.Source
                  )}
                  {mount.RW ? "" : " (read-only)"}
                </FactRow>
              ))}
            </dl>
          )}
        </Card>
        <Environment values={config.Env ?? []} />
        <Labels values={config.Labels ?? {}} />
      </div>
    </div>
  );
}

function Runs({ details }: { readonly details: ContainerInspect }): ReactElement {
  const { HostConfig: limits, Config: config } = details;
  const restart = RESTARTS[limits.RestartPolicy?.Name ?? ""] ?? limits.RestartPolicy?.Name;
  return (
    <Card title="Runs">
      <dl className="facts">
        <dt>Image</dt>
        <dd>
          <ObjectLink to={{ page: "images", id: details.Image }}>{config.Image}</ObjectLink>
        </dd>
        <dt>Command</dt>
        <dd className="mono">{[details.Path, ...details.Args].join(" ")}</dd>
        <dt>Restarts</dt>
        <dd>
          {restart}
          {details.RestartCount > 0 && `; ${details.RestartCount} so far`}
        </dd>
        <dt>Limits</dt>
        <dd>
          {limits.Memory ? `${formatBytes(limits.Memory)} memory` : "any memory"},{" "}
          {limits.NanoCpus ? `${limits.NanoCpus / 1e9} CPUs` : "any CPU"}
        </dd>
        {config.User !== undefined && config.User !== "" && (
          <>
            <dt>User</dt>
            <dd>{config.User}</dd>
          </>
        )}
        <dt>Created</dt>
        <dd>{ago(Date.parse(details.Created))}</dd>
        <dt>Id</dt>
        <dd className="mono">{shortId(details.Id)}</dd>
      </dl>
    </Card>
  );
}

/** What the last probes said: the reason of an unhealthy container is here and not in its log. */
function Health({ details }: { readonly details: ContainerInspect }): ReactElement | null {
  const health = details.State.Health;
  if (health === undefined || health.Status === "none") return null;
  const last = health.Log?.at(-1);
  return (
    <Card title="Health">
      <dl className="facts">
        <dt>State</dt>
        <dd>
          {health.Status}
          {(health.FailingStreak ?? 0) > 0 && `, ${health.FailingStreak} probes failed in a row`}
        </dd>
        {last !== undefined && (
          <>
            <dt>Last probe</dt>
            <dd>
              exit code {last.ExitCode}, {ago(Date.parse(last.Start))}
              {last.Output !== "" && <pre className="probe">{last.Output}</pre>}
            </dd>
          </>
        )}
      </dl>
    </Card>
  );
}

function Labels({ values }: { readonly values: Readonly<Record<string, string>> }): ReactElement | null {
  const entries = Object.entries(values);
  if (entries.length === 0) return null;
  return (
    <Card title="Labels">
      <dl className="facts">
        {entries.map(([name, value]) => (
          <FactRow key={name} name={name}>
            {value}
          </FactRow>
        ))}
      </dl>
    </Card>
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
      <div className="card-head">
        <h3 className="grow">Environment</h3>
        {values.length > 0 && (
          <Button className="small" onClick={() => setShown(!isShown)}>
            {isShown ? "Hide values" : "Show values"}
          </Button>
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
