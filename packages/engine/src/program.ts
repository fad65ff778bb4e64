import { stat } from "node:fs/promises";
import { exitNow } from "#host";
import { isKind, messageOf, openLogger } from "#kernel";
import { assemble, ENGINE_VERSION } from "./assembly.ts";
import { HELP, readCommand, type EngineConfig } from "./config.ts";
import { checkHost, doctorText, tlsCheck } from "./doctor.ts";

const STOP_LIMIT_MS = 1_500;

/** The engine's program: flags, signals, one assembly. Ends the process with 0 stopped, 1 refused or failed, 2 bad flags. */
export async function runProgram(argv: readonly string[]): Promise<never> {
  exitNow(await exitCodeOf(argv));
}

async function exitCodeOf(argv: readonly string[]): Promise<number> {
  let command;
  try {
    command = await readCommand(argv);
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    return isKind(error, "invalid") ? 2 : 1;
  }
  switch (command.kind) {
    case "help":
      process.stdout.write(HELP);
      return 0;
    case "version":
      process.stdout.write(`Longshore engine ${ENGINE_VERSION}\n`);
      return 0;
    case "doctor": {
      const { runtime, tls } = command.config;
      const checks = [
        ...(await checkHost(runtime?.path)),
        ...(tls === undefined ? [] : [await tlsCheck(tls)]),
      ];
      process.stdout.write(doctorText(checks));
      return checks.every((check) => check.isOk || !check.isRequired) ? 0 : 1;
    }
    case "run":
      return await run(command.config);
  }
}

async function run(config: EngineConfig): Promise<number> {
  const log = openLogger(config.logLevel, (line) => void process.stderr.write(line));
  // Warm libuv's pool before any worker exists: a cold pool inherits a worker's root directory (a security hole, facts/host).
  await stat("/");
  const stop = new AbortController();
  const { promise: stopped, resolve } = Promise.withResolvers<string>();
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    process.on(name, () => {
      stop.abort(new Error(name));
      resolve(name);
    });
  }
  process.on("SIGPIPE", () => {});
  // Whatever is under way may be cut at any moment (the next start finishes it); a service manager must not have to wait.
  stop.signal.addEventListener("abort", () => {
    setTimeout(() => {
      log.warn("engine stops before everything was put away", { afterMs: STOP_LIMIT_MS });
      exitNow(0);
    }, STOP_LIMIT_MS).unref();
  });
  try {
    const startedAt = process.uptime();
    await using engine = await assemble(config, log, stop.signal);
    log.info("engine is ready", {
      version: ENGINE_VERSION,
      tookMs: Math.round((process.uptime() - startedAt) * 1000),
      listens: config.listens.map((listen) =>
        listen.kind === "unix"
          ? listen.path
          : `${listen.host}:${listen.port}${config.tls === undefined ? "" : " (TLS)"}`,
      ),
    });
    const name = await stopped;
    log.info("engine stops; containers go on", { signal: name });
    void engine;
  } catch (error) {
    if (!stop.signal.aborted) {
      log.error("engine cannot run", { error });
      process.stderr.write(`longshore: ${messageOf(error)}\n`);
      return 1;
    }
  }
  log.info("engine stopped");
  return 0;
}
