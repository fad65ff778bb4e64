import type { ElectronApplication } from "@playwright/test";

/** Answers the system's dialogs as a person would: files to open, a place to save, or nothing (cancelled). */
export async function answerDialogs(
  app: ElectronApplication,
  answers: { readonly open?: readonly string[]; readonly save?: string },
): Promise<void> {
  await app.evaluate(({ dialog }, { open, save }) => {
    const chosen = open ?? [];
    dialog.showOpenDialog = () => Promise.resolve({ canceled: chosen.length === 0, filePaths: [...chosen] });
    dialog.showSaveDialog = () => Promise.resolve({ canceled: save === undefined, filePath: save ?? "" });
  }, answers);
}
