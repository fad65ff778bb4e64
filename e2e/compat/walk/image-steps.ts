import { dockerArchive, starterRecipe, tarOf } from "@longshore/testkit";
import { type Step, step } from "./steps.ts";

const LINES = { isLines: true } as const;
const PLATFORM = `platform=${encodeURIComponent('{"os":"linux","architecture":"none"}')}`;
/** `{"username":"u","password":"wrong"}` */
const WRONG = { "X-Registry-Auth": Buffer.from('{"username":"u","password":"wrong"}').toString("base64url") };

/** A journey of images: loaded, told of, named, pushed, pulled, saved, committed, removed. Registries: $registry is open, $gate asks for a password. */
export const imageSteps: readonly Step[] = [
  step("POST /images/load", "/images/load", 200, {
    body: dockerArchive(starterRecipe()),
    says: /Loaded image: longshore/,
    ...LINES,
  }),
  step("POST /images/load", "/images/load?quiet=1", 400, { body: Buffer.from("no archive at all") }),
  step("GET /images/json", "/images/json?all=1&digests=1&shared-size=1&manifests=1", 200),
  step("GET /images/json", '/images/json?filters={"nosuch":["x"]}', 400, { says: /invalid filter 'nosuch'/ }),
  step("GET /images/{name}/json", "/images/longshore/starter/json", 200, { keep: ["image", "Id"] }),
  step("GET /images/{name}/json", "/images/nosuch/json", 404, { says: /No such image: nosuch/ }),
  step("GET /images/{name}/json", `/images/longshore/starter/json?${PLATFORM}`, 404),
  step("GET /images/{name}/history", "/images/longshore/starter/history", 200),
  step("GET /images/{name}/history", "/images/nosuch/history", 404),
  step("POST /images/{name}/tag", "/images/longshore/starter/tag?repo=$registry/walk/one&tag=1", 201),
  step("POST /images/{name}/tag", "/images/longshore/starter/tag?repo=UPPER", 400, {
    says: /must be lowercase/,
  }),
  step("POST /images/{name}/tag", "/images/nosuch/tag?repo=other", 404),
  step("POST /images/{name}/push", "/images/$registry/walk/one/push?tag=1", 200, {
    headers: WRONG,
    says: /digest: sha256/,
    ...LINES,
  }),
  step("POST /images/{name}/push", "/images/$registry/walk/nosuch/push?tag=1", 404, { headers: WRONG }),
  step("GET /distribution/{name}/json", "/distribution/$registry/walk/one:1/json", 200),
  step("GET /distribution/{name}/json", "/distribution/$registry/walk/nosuch:1/json", 404),
  step("GET /distribution/{name}/json", "/distribution/$gate/walk/one:1/json", 401, { headers: WRONG }),
  step("POST /auth", "/auth", 200, {
    body: { username: "u", password: "p", serveraddress: "$gate", email: "e" },
  }),
  step("POST /auth", "/auth", 401, { body: { username: "u", password: "wrong", serveraddress: "$gate" } }),
  step("GET /images/{name}/get", "/images/$registry/walk/one:1/get", 200, { type: "application/x-tar" }),
  step("GET /images/{name}/get", "/images/nosuch/get", 404),
  step("GET /images/get", "/images/get?names=longshore/starter&names=$registry/walk/one:1", 200, {
    type: "application/x-tar",
  }),
  step("GET /images/get", "/images/get", 400),
  step("GET /images/get", `/images/get?names=longshore/starter&${PLATFORM}`, 404),
  step("DELETE /images/{name}", "/images/$registry/walk/one:1", 200),
  step("DELETE /images/{name}", "/images/nosuch", 404),
  step("POST /images/create", "/images/create?fromImage=$registry/walk/one&tag=1", 200, {
    says: /Status: /,
    ...LINES,
  }),
  step("POST /images/create", "/images/create?fromImage=$registry/walk/nosuch&tag=1", 404, {
    says: /not found/,
  }),
  step("POST /images/create", "/images/create", 400),
  step(
    "POST /images/create",
    "/images/create?fromSrc=-&repo=walk/imported&message=by+hand&changes=CMD+true",
    200,
    {
      body: tarOf([{ name: "file", data: "text" }]),
      says: /"status":"sha256:[0-9a-f]{64}"/,
      ...LINES,
    },
  ),
  step("GET /images/search", "/images/search?term=$index/nginx&limit=5", 200, { says: /"name":"nginx"/ }),
  step("GET /images/search", "/images/search?term=nginx&limit=many", 400),
  step("POST /build/prune", "/build/prune", 200),
  step("POST /build", "/build", 501, { body: Buffer.alloc(1024) }),
  step("POST /session", "/session", 501, { upgrade: "tcp" }),
];

/** After containers came and went. */
export const lastImageSteps: readonly Step[] = [
  step(
    "POST /commit",
    "/commit?container=ended&repo=walk/committed&tag=1&comment=c&author=a&pause=0&changes=ENV+A=b",
    201,
    {
      body: { Labels: { a: "b" }, Healthcheck: { Test: ["CMD", "true"] }, OnBuild: ["RUN true"] },
    },
  ),
  step("POST /commit", "/commit?container=nosuch", 404),
  step("POST /commit", "/commit?container=ended&changes=NOSUCH+x", 400),
  step("GET /images/{name}/json", "/images/walk/committed:1/json", 200, { says: /"a":"b"/ }),
  step("DELETE /images/{name}", "/images/$image", 409, { says: /unable to delete/ }),
  step("POST /images/prune", '/images/prune?filters={"dangling":["false"],"label":["walk"]}', 200),
  step("POST /images/prune", '/images/prune?filters={"dangling":["perhaps"]}', 400),
];
