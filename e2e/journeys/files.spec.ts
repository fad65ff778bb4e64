import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, rowOf, test } from "./all.ts";
import { answerDialogs } from "./dialogs.ts";

test("files go into a running container and come out of a stopped one", async ({ page, engine, opened }) => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-files-"));
  try {
    const mine = join(folder, "tide-table.txt");
    writeFileSync(mine, "high water 06:12\n".repeat(5_000));
    const id = await engine.run("in-and-out", ["sleep", "600"]);
    await rowOf(page, id).click();
    await page.getByRole("tab", { name: "Files" }).click();
    await page.locator('[data-path="/etc"]').click();
    await answerDialogs(opened.app, { open: [mine] });
    await page.getByRole("button", { name: "Upload here…" }).click();
    await expect(page.locator('[data-path="/etc/tide-table.txt"]')).toContainText("A");
    const exec = await engine.docker
      .getContainer(id)
      .exec({ Cmd: ["sh", "-c", "wc -c < /etc/tide-table.txt"], AttachStdout: true, Tty: true });
    const counted: Buffer[] = [];
    for await (const chunk of (await exec.start({ Tty: true })) as AsyncIterable<Buffer>) counted.push(chunk);
    expect(Buffer.concat(counted).toString().trim()).toBe("85000");

    await engine.docker.getContainer(id).kill();
    await expect(rowOf(page, id)).toContainText("Exited");
    const saved = join(folder, "saved.txt");
    await answerDialogs(opened.app, { save: saved });
    await page.locator('[data-path="/etc/tide-table.txt"]').click();
    await page.getByRole("button", { name: "Save…" }).click();
    await expect(page.getByText("Saved saved.txt")).toBeVisible();
    expect(readFileSync(saved, "utf8")).toBe(readFileSync(mine, "utf8"));

    const tar = join(folder, "etc.tar");
    await answerDialogs(opened.app, { save: tar });
    await page.getByRole("button", { name: "Save as tar…" }).click();
    await expect(page.getByText("Saved etc.tar")).toBeVisible();
    expect(statSync(tar).size).toBeGreaterThan(85_000);
    expect(spawnSync("tar", ["-tf", tar], { encoding: "utf8" }).stdout).toContain("etc/tide-table.txt");

    await answerDialogs(opened.app, { save: "/proc/none/here" });
    await page.getByRole("button", { name: "Save…" }).click();
    await expect(page.getByText("Couldn’t save tide-table.txt")).toBeVisible();
    await page.getByRole("button", { name: "Dismiss" }).last().click();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
