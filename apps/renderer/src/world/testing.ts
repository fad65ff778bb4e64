import type { ContainerSummary } from "@longshore/protocol";

/** A running container as an engine lists it. */
export function containerSummary(name: string, more: Partial<ContainerSummary> = {}): ContainerSummary {
  return {
    Id: name,
    Names: [`/${name}`],
    Image: "alpine:3",
    ImageID: "sha256:1",
    Command: "sh",
    Created: 1,
    State: "running",
    Status: "Up 3 seconds",
    Ports: [],
    Labels: {},
    ...more,
  };
}
