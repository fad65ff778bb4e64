import type { ExecutionConfig } from "#spec";
import type { ContainerSettings } from "./settings.ts";

/** Fills what the client left open from the image's config, as Docker does. Source: Docker Engine, runconfig merge. */
export function mergeImage(
  settings: ContainerSettings,
  image: ExecutionConfig | undefined,
): ContainerSettings {
  if (image === undefined) return settings;
  const ownNames = new Set(settings.Env.map(nameOf));
  // An entrypoint of the client's own drops the image's command; [""] resets both.
  const hasOwnEntrypoint = settings.Entrypoint !== null && settings.Entrypoint.length > 0;
  const inheritsCommand = !hasOwnEntrypoint && (settings.Cmd === null || settings.Cmd.length === 0);
  const resets = settings.Entrypoint?.length === 1 && settings.Entrypoint[0] === "";
  const entrypoint = resets ? null : hasOwnEntrypoint ? settings.Entrypoint : (image.Entrypoint ?? null);
  const health = mergeHealth(settings.Healthcheck, image.Healthcheck);
  return {
    ...settings,
    User: settings.User === "" ? (image.User ?? "") : settings.User,
    Env: [...settings.Env, ...(image.Env ?? []).filter((entry) => !ownNames.has(nameOf(entry)))],
    Labels: { ...image.Labels, ...settings.Labels },
    ExposedPorts: { ...image.ExposedPorts, ...settings.ExposedPorts },
    Entrypoint: entrypoint,
    Cmd: inheritsCommand ? (image.Cmd ?? null) : settings.Cmd,
    WorkingDir: settings.WorkingDir === "" ? (image.WorkingDir ?? "") : settings.WorkingDir,
    Volumes:
      Object.keys({ ...image.Volumes, ...settings.Volumes }).length === 0
        ? null
        : { ...image.Volumes, ...settings.Volumes },
    ...(health !== undefined && { Healthcheck: health }),
    ...(settings.StopSignal === undefined &&
      image.StopSignal !== undefined && { StopSignal: image.StopSignal }),
    ...(settings.Shell === undefined && image.Shell !== undefined && { Shell: image.Shell }),
    ...(settings.OnBuild === null && image.OnBuild != null && { OnBuild: image.OnBuild }),
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
