/**
 * The sandbox's pdf-service: what the platform's own does when it is asked for a print-ready file.
 *
 * POST /print-files puts a job into a BullMQ queue on the sandbox's Redis; its worker draws a PDF, puts it into the
 * bucket and writes the link into the database. One Idempotency-Key is one job, however often it is asked for.
 * POST /behave with {"fault": NAME, "times": N} makes the next N requests go wrong as the platform's do.
 *
 * Run as `node service.js HOME` with the sandbox's directory, NODE_PATH and NODE_EXTRA_CA_CERTS.
 */
"use strict";

const { createHash, timingSafeEqual, webcrypto } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");
const path = require("node:path");

globalThis.crypto ??= webcrypto; // Node 18 has it, and not by that name

const { AwsClient } = require("aws4fetch");
const { Queue, QueueEvents, Worker } = require("bullmq");
const { Pool } = require("pg");
const { drawing } = require("./drawing");

const FAULTS = [
  "link_error_swallowed", "timestamped", "hang", "error_page", "error_page_stored", "other_order", "job_fails",
];
const QUEUE = "print-files";
const BUCKET = "print-files";
const MOST_BYTES = 65536;
const WAIT_MS = 10_000; // then the answer is 202, and whoever wants the file asks again

const ITEM = `
SELECT n FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM order_items WHERE order_id::text = $1) AS items
WHERE id::text = $2 AND EXISTS (SELECT FROM orders WHERE id::text = $1 AND tenant_id::text = $3)`;
const LINK = `
UPDATE order_items SET print_ready_file = $1, print_ready_size = $2, print_ready_sha256 = $3 WHERE id::text = $4`;
const OTHER = `
SELECT i.print_ready_file AS key FROM order_items i JOIN orders o ON o.id = i.order_id
WHERE o.id::text <> $1 AND o.tenant_id::text = $2 AND i.print_ready_file IS NOT NULL ORDER BY o.id LIMIT 1`;

const home = process.argv[2];
const ports = JSON.parse(readFileSync(path.join(home, "ports.json"), "utf8"));
const secret = (name) => readFileSync(path.join(home, "secrets", name), "utf8").trim();

const token = secret("pdf-service.token");
const connection = { host: "127.0.0.1", port: ports.redis, password: secret("redis.password"), maxRetriesPerRequest: null };
const database = new Pool({ connectionString: secret("live_db.restore.url"), max: 2, connectionTimeoutMillis: 5000 });
const s3 = new AwsClient({
  accessKeyId: secret("s3-app.key"),
  secretAccessKey: secret("s3-app.secret"),
  service: "s3",
  region: "us-east-1",
  retries: 3,
});
const queue = new Queue(QUEUE, { connection });
const events = new QueueEvents(QUEUE, { connection });
const worker = new Worker(QUEUE, make, { connection, concurrency: 2 });
for (const part of [queue, events, worker, database]) part.on("error", (error) => console.error(String(error.message)));

let ready = false;
let fault = null;
let times = 0;

/** The fault of this request, of which one fewer is left. */
function misbehaviour() {
  if (times <= 0) return null;
  times -= 1;
  return fault;
}

/** Make the file of a job, and link it; the key of what was made. */
async function make(job) {
  const { order, item, tenant, version, misbehave } = job.data;
  const found = await database.query(ITEM, [order, item, tenant]);
  if (!found.rowCount) throw new Error(`order ${order} has no item ${item}`);
  if (misbehave === "job_fails") throw new Error("the design has a font that is not there");
  if (misbehave === "other_order") return (await database.query(OTHER, [order, tenant])).rows[0].key;
  const name = misbehave === "timestamped" ? Date.now() : version;
  const key = `tenants/${tenant}/orders/${order}/${found.rows[0].n}/print-ready-${name}.pdf`;
  const page = misbehave === "error_page_stored";
  const body = page ? Buffer.from("<html><body>502 Bad Gateway</body></html>") : drawing(`${order} ${item} ${name}`);
  const sha256 = createHash("sha256").update(body).digest("hex");
  const url = `https://localhost:${ports.primary}/${BUCKET}/${key.split("/").map(encodeURIComponent).join("/")}`;
  const headers = { "Content-Type": "application/pdf", "X-Amz-Content-Sha256": sha256 };
  const stored = await s3.fetch(url, { method: "PUT", body, headers });
  if (!stored.ok) throw new Error(`the bucket answered ${stored.status}`);
  try {
    if (misbehave === "link_error_swallowed") throw new Error("could not serialize access");
    await database.query(LINK, [key, body.length, sha256, item]);
  } catch (error) {
    console.error(`order ${order}: the link was not written: ${error.message}`); // and the job is complete all the same
  }
  return key;
}

/**
 * The job of an id. One that failed is kept, so that people see it, and is tried again when it is asked for again: a
 * second job of its id would not be added.
 */
async function jobOf(jobId, data) {
  const before = await queue.getJob(jobId);
  if (!before || !(await before.isFailed())) {
    return queue.add("make", data, { jobId, removeOnComplete: { count: 1000 }, removeOnFail: { count: 1000 } });
  }
  await before.updateData(data);
  try {
    await before.retry("failed");
  } catch (error) {
    if (await before.isFailed()) throw error; // otherwise another request came first, and both wait for that try
  }
  return before;
}

/** Put a job into the queue, and wait for what it makes. */
async function printFiles(request, response) {
  const wanted = JSON.parse(await bodyOf(request));
  const id = request.headers["idempotency-key"];
  const words = [wanted.order, wanted.item, wanted.tenant, wanted.version];
  if (!id || !words.every((word) => typeof word === "string" && word)) {
    return answer(response, 422, { error: "an Idempotency-Key, order, item, tenant and version are needed" });
  }
  const misbehave = misbehaviour();
  if (misbehave === "hang") return undefined;
  if (misbehave === "error_page") return page(response);
  const [order, item, tenant, version] = words;
  const jobId = misbehave === "timestamped" ? `${id}-${Date.now()}` : id;
  const job = await jobOf(jobId, { order, item, tenant, version, misbehave });
  try {
    return answer(response, 201, { key: await job.waitUntilFinished(events, WAIT_MS) });
  } catch (error) {
    if (/timed out/i.test(error.message)) return answer(response, 202, { state: "at work" });
    return answer(response, 500, { error: error.message });
  }
}

/** Choose how the next requests go wrong. */
async function behave(request, response) {
  const wanted = JSON.parse(await bodyOf(request));
  if (!FAULTS.includes(wanted.fault)) return answer(response, 422, { error: `a fault is one of ${FAULTS.join(", ")}` });
  fault = wanted.fault;
  times = Number(wanted.times ?? 1);
  return answer(response, 200, { fault, times });
}

async function bodyOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request) {
    size += part.length;
    if (size > MOST_BYTES) throw new Error("the body is too large");
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function answer(response, status, document) {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(document));
}

function page(response) {
  response.writeHead(200, { "Content-Type": "text/html" }).end("<!DOCTYPE html><html><body>Service unavailable</body></html>");
}

/** Whether a request has the token; compared by its hash, so that its time tells nothing. */
function allowed(request) {
  const hash = (text) => createHash("sha256").update(text).digest();
  return timingSafeEqual(hash(request.headers.authorization ?? ""), hash(`Bearer ${token}`));
}

const server = createServer(async (request, response) => {
  try {
    if (request.method === "GET" && request.url === "/healthz") {
      // Later on a Redis or a database that is away is their trouble, and not this server's.
      if (!ready) await Promise.all([queue.getJobCounts("active"), database.query("SELECT 1")]);
      ready = true;
      return answer(response, 200, { ok: true });
    }
    const known = { "/print-files": printFiles, "/behave": behave }[request.url];
    if (request.method !== "POST" || !known) return answer(response, 404, { error: "try POST /print-files" });
    if (!allowed(request)) return answer(response, 401, { error: "wrong token" });
    return await known(request, response);
  } catch (error) {
    return answer(response, error instanceof SyntaxError ? 400 : 503, { error: error.message });
  }
});

async function stop() {
  server.close();
  server.closeAllConnections();
  await Promise.allSettled([worker.close(), events.close(), queue.close(), database.end()]);
  process.exit(0);
}

process.on("SIGTERM", stop);
process.on("SIGINT", stop);
server.listen(ports["pdf-service"], "127.0.0.1");
