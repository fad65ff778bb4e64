import { networksConformance } from "./conformance.ts";
import { fakeNetworks } from "./testing.ts";

networksConformance("the fake", 219, fakeNetworks);
