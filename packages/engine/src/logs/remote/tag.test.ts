import { expect, test } from "vitest";
import type { LogSubject } from "./driver.ts";
import { encodeJournalEntry, journalFields, journalName } from "./journald.ts";
import { renderTag } from "./tag.ts";

const subject: LogSubject = {
  id: "0123456789abcdef".repeat(4),
  name: "web",
  imageId: `sha256:${"fedcba9876543210".repeat(4)}`,
  imageName: "shop/web:1",
  command: ["sh", "-c", "x"],
  createdAt: "2026-01-01T00:00:00Z",
  labels: { app: "Shop", _x: "1" },
  env: ["MODE=dev=1", "EMPTY"],
};

test.for<[string, string]>([
  ["{{.ID}}", "0123456789ab"],
  ["{{.FullID}}", subject.id],
  ["a/{{.Name}}/{{ .ImageName }}", "a/web/shop/web:1"],
  ["{{.ImageID}} {{.ImageFullID}}", `fedcba987654 ${subject.imageId}`],
  ["{{.DaemonName}}:{{.Command}}", "docker:sh -c x"],
  ['{{index .ContainerLabels "app" | lower}}', "shop"],
  ['{{index .ContainerLabels "none"}}', ""],
  ["{{upper .Name}} {{truncate .Name 2}} {{json .ContainerArgs}}", 'WEB we ["-c","x"]'],
  ['{{join .ContainerArgs ","}}{{- "x" -}} end', "-c,xxend"],
  ["plain } text", "plain } text"],
])("renderTag(%s) gives %s", ([template, text]) => {
  expect(renderTag(template, subject)).toBe(text);
});

test.for(["{{.Nosuch}}", "{{nosuch .ID}}", "{{.ID", "{{}}", "{{.ID .Name}}", "{{.ID | }}", "{{.ID ; }}"])(
  "renderTag(%s) is refused",
  (template) => {
    expect(() => renderTag(template, subject)).toThrow(
      expect.objectContaining({ kind: "invalid", message: expect.stringContaining("log-tag") }) as Error,
    );
  },
);

test("encodeJournalEntry() writes plain values as lines and those with LF with their length", () => {
  expect(
    encodeJournalEntry([
      ["A", "x=y"],
      ["B", "1\n2"],
    ]).toString("latin1"),
  ).toBe("A=x=y\nB\n\x03\x00\x00\x00\x00\x00\x00\x001\n2\n");
});

test("journalFields() carries identity, tag and chosen labels and variables under valid names", () => {
  expect(journalName("__com.example-app1")).toBe("COM_EXAMPLE_APP1");
  const fields = journalFields(
    { tag: "{{.Name}}", labels: "app,_x", "env-regex": "^(MODE|EMPTY)$" },
    subject,
  );
  expect(Object.fromEntries(fields)).toEqual({
    CONTAINER_ID: "0123456789ab",
    CONTAINER_ID_FULL: subject.id,
    CONTAINER_NAME: "web",
    CONTAINER_TAG: "web",
    SYSLOG_IDENTIFIER: "web",
    IMAGE_NAME: "shop/web:1",
    APP: "Shop",
    X: "1",
    MODE: "dev=1",
    EMPTY: "",
  });
});
