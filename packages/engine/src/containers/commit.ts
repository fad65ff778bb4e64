import { parseReference, withDefaultTag, type Digest, type ExecutionConfig, type ImageConfig } from "#spec";
import { type Context, publish } from "./context.ts";
import { mergeConfig } from "./merge-image.ts";
import type { ContainerSettings, Containers } from "./contract.ts";

/** The writable layer becomes an image layer over the container's image. */
export async function commitContainer(
  context: Context,
  name: string,
  options: Parameters<Containers["commit"]>[1],
  signal: AbortSignal,
): Promise<Digest> {
  const container = context.book.get(name);
  const live = context.book.live(container.id);
  const mustPause = options.isPausing && live.task !== undefined && container.state.status === "running";
  const image = context.images.get(container.imageId);
  const own = executionOf(container.settings);
  const created = context.clock.now().toISOString();
  const config: ImageConfig = {
    architecture: image.config.architecture,
    os: image.config.os,
    ...(image.config.variant !== undefined && { variant: image.config.variant }),
    created,
    ...(options.author !== "" && { author: options.author }),
    ...(options.comment !== "" && { comment: options.comment }),
    config: committed(options.configure(own), own),
    rootfs: image.config.rootfs,
    history: [
      ...(image.config.history ?? []),
      {
        created,
        created_by: [container.path, ...container.args].join(" "),
        ...(options.author !== "" && { author: options.author }),
        ...(options.comment !== "" && { comment: options.comment }),
      },
    ],
  };
  const reference =
    options.reference === undefined || options.reference === ""
      ? undefined
      : withDefaultTag(parseReference(options.reference));
  if (mustPause) {
    await live.task?.pause();
    publish(context, container, "pause");
  }
  try {
    const id = await context.images.commit(
      image.id,
      context.layers.exportDiff(container.id, signal),
      config,
      reference === undefined ? {} : { reference },
      signal,
    );
    publish(context, container, "commit", {
      comment: options.comment,
      imageID: id,
      imageRef: options.reference ?? "",
    });
    return id;
  } finally {
    if (mustPause) {
      await live.task?.resume();
      publish(context, container, "unpause");
    }
  }
}

/** Empty maps have no place in an image's config. */
function committed(asked: ExecutionConfig, own: ExecutionConfig): ExecutionConfig {
  const { Volumes, OnBuild, ...filled } = mergeConfig(asked, own);
  return { ...filled, ...(Volumes !== null && { Volumes }), ...(OnBuild !== null && { OnBuild }) };
}

function executionOf(settings: ContainerSettings): ExecutionConfig {
  return {
    User: settings.User,
    ...(settings.ExposedPorts !== undefined && { ExposedPorts: settings.ExposedPorts }),
    Env: settings.Env,
    Entrypoint: settings.Entrypoint,
    Cmd: settings.Cmd,
    ...(settings.Volumes !== null && { Volumes: settings.Volumes }),
    WorkingDir: settings.WorkingDir,
    Labels: settings.Labels,
    ...(settings.StopSignal !== undefined && { StopSignal: settings.StopSignal }),
    ...(settings.Healthcheck !== undefined && { Healthcheck: settings.Healthcheck }),
    ...(settings.Shell !== undefined && { Shell: settings.Shell }),
  };
}
