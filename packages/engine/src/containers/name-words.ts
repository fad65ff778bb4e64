import { randomInt } from "node:crypto";

const QUALITIES =
  "amber brisk calm clear coastal deep drifting eager even fair fresh gentle glad golden idle keen kind late level light lively mellow misty nimble open patient placid plain quick quiet ready salty sheltered silver slack steady still sunny sure swift tidal trim warm windward".split(
    " ",
  );
const NOUNS =
  "anchor bay beacon bight bollard boom breeze buoy capstan cargo channel chart cleat coble cove crane current dock dory ferry fjord gale gull halyard harbor haven hull inlet jetty keel ketch lagoon lantern ledger lighthouse mast mooring pier pilot quay reef rudder sail sextant shoal shore skiff sloop spinnaker strand tide tiller wharf winch yawl".split(
    " ",
  );

/** A random free name: `quiet_harbor`, with a number once the pairs get scarce. */
export function randomName(isFree: (name: string) => boolean): string {
  for (let tries = 0; ; tries++) {
    const pair = `${QUALITIES[randomInt(QUALITIES.length)]}_${NOUNS[randomInt(NOUNS.length)]}`;
    const name = tries < 6 ? pair : `${pair}${randomInt(10 ** Math.min(9, tries - 4))}`;
    if (isFree(name)) return name;
  }
}
