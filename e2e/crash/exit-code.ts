import { request } from "node:http";
import { text } from "node:stream/consumers";

/** POST /containers/ID/wait. Unlike dockerode's it fails when the engine dies between the answer's head and its body. */
export function exitCodeOf(socket: string, id: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: socket, method: "POST", path: `/containers/${id}/wait` }, (answer) => {
      text(answer).then((body) => {
        if (answer.statusCode === 200) resolve((JSON.parse(body) as { StatusCode: number }).StatusCode);
        else reject(Object.assign(new Error(body), { statusCode: answer.statusCode }));
      }, reject);
    });
    sent.once("error", reject);
    sent.end();
  });
}
