import { type Clock, LongshoreError } from "#kernel";
import type { LogOptions, LogSubject, RemoteDriver } from "./driver.ts";
import { FLUENTD_OPTIONS, fluentdDriver, fluentdSettings } from "./fluentd.ts";
import { JOURNALD_OPTIONS, journaldDriver } from "./journald.ts";
import { checkSyslogOptions, SYSLOG_OPTIONS, syslogDriver } from "./syslog.ts";

interface Kind {
  readonly options: readonly string[];
  /** Throws `invalid`. */
  check(options: LogOptions): unknown;
  make(options: LogOptions, subject: LogSubject, ground: Ground): RemoteDriver;
}

interface Ground {
  readonly clock: Clock;
  readonly journaldSocket: string;
}

const KINDS: Readonly<Record<string, Kind>> = {
  syslog: {
    options: SYSLOG_OPTIONS,
    check: checkSyslogOptions,
    make: (options, subject, { clock }) => syslogDriver(options, subject, clock),
  },
  journald: {
    options: JOURNALD_OPTIONS,
    check: () => {},
    make: (options, subject, { clock, journaldSocket }) =>
      journaldDriver(options, subject, journaldSocket, clock),
  },
  fluentd: { options: FLUENTD_OPTIONS, check: fluentdSettings, make: fluentdDriver },
};

/** Drivers that send output away besides keeping it. */
export const REMOTE_LOG_DRIVERS: readonly string[] = Object.keys(KINDS);

/** Names of a driver's own options; undefined for a driver that is not remote. */
export function remoteLogOptions(driver: string): readonly string[] | undefined {
  return kindOf(driver)?.options;
}

/** Throws `invalid` for values that the driver cannot take. */
export function checkRemoteLogOptions(driver: string, options: LogOptions): void {
  kindOf(driver)?.check(options);
}

export function makeRemoteDriver(
  name: string,
  options: LogOptions,
  subject: LogSubject,
  ground: Ground,
): RemoteDriver {
  const kind = kindOf(name);
  if (kind === undefined)
    throw new LongshoreError("invalid", `logger: no log driver named '${name}' is registered`);
  return kind.make(options, subject, ground);
}

const kindOf = (name: string): Kind | undefined => (Object.hasOwn(KINDS, name) ? KINDS[name] : undefined);
