import type { ExecutionConfig } from "#spec";
import type { ContainerSettings } from "./settings.ts";

type Filled = ExecutionConfig &
  Pick<
    ContainerSettings,
    "User" | "Env" | "Labels" | "Entrypoint" | "Cmd" | "WorkingDir" | "Volumes" | "OnBuild"
  >;

/** Fills what the client left open from the image's config, as Docker does. */
export function mergeImage(
  settings: ContainerSettings,
  image: ExecutionConfig | undefined,
): ContainerSettings {
  return image === undefined ? settings : { ...settings, ...mergeConfig(settings, image) };
}

/** What `own` leaves open is `base`'s; variables, labels, ports and volumes join it. Source: Docker Engine, runconfig merge. */
export function mergeConfig(own: ExecutionConfig, base: ExecutionConfig): Filled {
  const env = own.Env ?? [];
  const ownNames = new Set(env.map(nameOf));
  const command = own.Cmd ?? null;
  // An entrypoint of one's own drops the command of before, one without words the entrypoint alone; [""] resets both.
  const entrypoint = own.Entrypoint ?? base.Entrypoint ?? null;
  const hasOwnEntrypoint = (own.Entrypoint ?? []).length > 0;
  const inheritsCommand = !hasOwnEntrypoint && (command ?? []).length === 0;
  const resets = own.Entrypoint?.length === 1 && own.Entrypoint[0] === "";
  const health = mergeHealth(own.Healthcheck, base.Healthcheck);
  const volumes = { ...base.Volumes, ...own.Volumes };
  return {
    ...own,
    User: own.User === undefined || own.User === "" ? (base.User ?? "") : own.User,
    Env: [...env, ...(base.Env ?? []).filter((entry) => !ownNames.has(nameOf(entry)))],
    Labels: { ...base.Labels, ...own.Labels },
    ExposedPorts: { ...base.ExposedPorts, ...own.ExposedPorts },
    Entrypoint: resets ? null : entrypoint,
    Cmd: inheritsCommand ? (base.Cmd ?? null) : command,
    WorkingDir:
      own.WorkingDir === undefined || own.WorkingDir === "" ? (base.WorkingDir ?? "") : own.WorkingDir,
    Volumes: Object.keys(volumes).length === 0 ? null : volumes,
    OnBuild: own.OnBuild ?? base.OnBuild ?? null,
    ...(health !== undefined && { Healthcheck: health }),
    ...(own.StopSignal === undefined && base.StopSignal !== undefined && { StopSignal: base.StopSignal }),
    ...(own.Shell === undefined && base.Shell !== undefined && { Shell: base.Shell }),
  };
}

const nameOf = (entry: string): string => entry.split("=", 1)[0] ?? entry;

function mergeHealth(
  own: ContainerSettings["Healthcheck"],
  image: ContainerSettings["Healthcheck"],
): ContainerSettings["Healthcheck"] {
  if (own === undefined || image === undefined) return own ?? image;
  const filled = { ...own } as Record<string, unknown>;
  for (const [key, value] of Object.entries(image)) {
    const mine = filled[key];
    if (mine === undefined || mine === 0 || (Array.isArray(mine) && mine.length === 0)) filled[key] = value;
  }
  return filled as ContainerSettings["Healthcheck"];
}

/** The process to start: entrypoint and command in one list. */
export function processWords(settings: ContainerSettings): readonly string[] {
  return [...(settings.Entrypoint ?? []), ...(settings.Cmd ?? [])];
}
