import type { Image } from "#images";

/** Of the container that an image was once built from: clients before 1.45 look into it. */
const NO_CONTAINER = {
  Hostname: "",
  Domainname: "",
  User: "",
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: "",
  Volumes: null,
  WorkingDir: "",
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
};

/** GET /images/NAME/json. Source: Docker Engine API 1.51, ImageInspect. */
export function inspectImage(image: Image, driver: string, minor: number): object {
  const { config } = image;
  const own = config.config ?? {};
  return {
    Id: image.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: image.parent ?? "",
    Comment: config.comment ?? config.history?.at(-1)?.comment ?? "",
    Created: image.createdAt,
    ...(minor < 45 && { Container: "", ContainerConfig: NO_CONTAINER }),
    DockerVersion: config.docker_version ?? "",
    Author: config.author ?? "",
    Config: {
      ...(minor < 50 && {
        Hostname: "",
        Domainname: "",
        AttachStdin: false,
        AttachStdout: false,
        AttachStderr: false,
        Tty: false,
        OpenStdin: false,
        StdinOnce: false,
        Image: "",
      }),
      User: own.User ?? "",
      ...(own.ExposedPorts !== undefined && { ExposedPorts: own.ExposedPorts }),
      Env: own.Env ?? null,
      Cmd: own.Cmd ?? null,
      ...(own.Healthcheck !== undefined && { Healthcheck: own.Healthcheck }),
      Volumes: own.Volumes ?? null,
      WorkingDir: own.WorkingDir ?? "",
      Entrypoint: own.Entrypoint ?? null,
      OnBuild: own.OnBuild ?? null,
      Labels: own.Labels ?? null,
      ...(own.StopSignal !== undefined && { StopSignal: own.StopSignal }),
      ...(own.StopTimeout !== undefined && minor < 50 && { StopTimeout: own.StopTimeout }),
      ...(own.Shell !== undefined && { Shell: own.Shell }),
    },
    Architecture: config.architecture,
    ...(config.variant !== undefined && { Variant: config.variant }),
    Os: config.os,
    Size: image.sizeBytes,
    ...(minor < 44 && { VirtualSize: image.sizeBytes }),
    GraphDriver: { Name: driver, Data: null },
    RootFS: { Type: "layers", Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: image.lastTaggedAt ?? "0001-01-01T00:00:00Z" },
  };
}

/** One row of GET /images/json. Source: Docker Engine API 1.51, ImageSummary. */
export function summariseImage(image: Image, containerCount: number, minor: number): object {
  const isOld = minor < 43;
  return {
    Id: image.id,
    ParentId: image.parent ?? "",
    RepoTags: image.repoTags.length === 0 && isOld ? ["<none>:<none>"] : image.repoTags,
    RepoDigests: image.repoDigests.length === 0 && isOld ? ["<none>@<none>"] : image.repoDigests,
    Created: Math.floor(Date.parse(image.createdAt) / 1000) || 0,
    Size: image.sizeBytes,
    SharedSize: -1,
    ...(minor < 44 && { VirtualSize: image.sizeBytes }),
    Labels: image.config.config?.Labels ?? null,
    Containers: containerCount,
  };
}
