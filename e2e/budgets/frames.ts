import type { Page } from "@playwright/test";

export interface Frames {
  /** Milliseconds between paints: 95 of 100 are shorter. */
  readonly p95: number;
  /** Share of frames above 33 ms. */
  readonly slowShare: number;
  /** CPU time of the page's main thread for a frame: what is left of the machine's noise. */
  readonly cpuMs: number;
}

const FRAMES = 180;

/** Scrolls the element through its whole height, a step a frame, and times the frames. */
export async function scrollFrames(page: Page, selector: string): Promise<Frames> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const cpuSeconds = async (): Promise<number> =>
    (await session.send("Performance.getMetrics")).metrics.find(({ name }) => name === "TaskDuration")
      ?.value ?? Number.NaN;
  const cpuBefore = await cpuSeconds();
  const times = await page.evaluate(
    async ({ selector: wanted, count }) => {
      const element = document.querySelector(wanted);
      if (element === null) throw new Error(`nothing is ${wanted}`);
      const frame = (): Promise<number> => new Promise((done) => requestAnimationFrame(done));
      const height = element.scrollHeight - element.clientHeight;
      const found: number[] = [];
      let before = await frame();
      for (let at = 0; at < count; at++) {
        element.scrollTop = (height * at) / count;
        const now = await frame();
        found.push(now - before);
        before = now;
      }
      return found;
    },
    { selector, count: FRAMES },
  );
  const cpuMs = (((await cpuSeconds()) - cpuBefore) / FRAMES) * 1000;
  await session.detach();
  const sorted = times.toSorted((a, b) => a - b);
  return {
    p95: sorted[Math.floor(sorted.length * 0.95)] ?? Number.NaN,
    slowShare: times.filter((time) => time > 33).length / times.length,
    cpuMs,
  };
}
