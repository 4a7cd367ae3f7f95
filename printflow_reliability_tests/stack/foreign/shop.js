/**
 * The foreign platform's shop: the sandbox's storefront with another database, other words and no queue.
 *
 * Run as `node shop.js CONFIGURATION STOREFRONT`: a JSON file with port, database, s3 (endpoint, bucket, key, secret),
 * tenant and password; and the directory of storefront.js.
 */
"use strict";

const { createHash, webcrypto } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");
const path = require("node:path");

globalThis.crypto ??= webcrypto; // Node 18 has it, and not by that name

const { AwsClient } = require("aws4fetch");
const { Pool } = require("pg");

const [, , file, program] = process.argv;
const shop = JSON.parse(readFileSync(file, "utf8"));
const { storefront } = require(path.join(program, "storefront.js"));
const { drawing } = require(path.join(program, "drawing.js"));

const OPEN = `INSERT INTO shop.merchants (id, slug) VALUES ($1, 'probe-bestellung') ON CONFLICT (id) DO NOTHING`;
const PLACE = `
WITH made AS (INSERT INTO shop.purchases (merchant, gross) VALUES ($1, 42) RETURNING id),
line AS (INSERT INTO shop.purchase_lines (purchase, quantity) SELECT id, 100 FROM made)
SELECT id AS order FROM made`;
const PAY = `
WITH paid AS (
    UPDATE shop.purchases SET state = 'bezahlt', settled_at = now() WHERE id = $1 AND merchant = $2 AND state = 'neu'
    RETURNING id)
SELECT l.id AS item FROM shop.purchase_lines l JOIN paid ON paid.id = l.purchase`;
const KEY = `'shops/' || m.slug || '/print/' || f.id || '/' || f.file_name`;
const ORDER = `
SELECT p.state AS status, ${KEY} AS key FROM shop.purchases p JOIN shop.merchants m ON m.id = p.merchant
JOIN shop.purchase_lines l ON l.purchase = p.id LEFT JOIN shop.media f ON f.id = l.medium
WHERE p.id = $1 AND p.merchant = $2`;
const OTHERS = `
SELECT ${KEY} AS key FROM shop.media f JOIN shop.merchants m ON m.id = f.merchant
JOIN shop.purchase_lines l ON l.medium = f.id WHERE f.merchant <> $1 ORDER BY f.id LIMIT 1`;
const CANCEL = `UPDATE shop.purchases SET state = 'storniert' WHERE id = $1 AND merchant = $2`;
const MEDIUM = `
WITH made AS (
    INSERT INTO shop.media (merchant, collection, file_name, bytes, sha256) VALUES ($1, 'print', 'Karte (1).pdf', $2, $3)
    RETURNING id, merchant, file_name)
SELECT f.id, ${KEY} AS key FROM made f JOIN shop.merchants m ON m.id = f.merchant`;

const database = new Pool({ connectionString: shop.database, max: 2, connectionTimeoutMillis: 5000 });
database.on("error", (error) => console.error(error.message));
const s3 = new AwsClient({ accessKeyId: shop.s3.key, secretAccessKey: shop.s3.secret, service: "s3", region: "eu-central-1" });
const addressOf = (key) => `${shop.s3.endpoint}/${shop.s3.bucket}/${key.split("/").map(encodeURIComponent).join("/")}`;

/** The row, its object and the link become visible at once. */
async function printFile({ order, item, tenant }) {
  const body = drawing(`${order} ${item}`);
  const sha256 = createHash("sha256").update(body).digest("hex");
  const client = await database.connect();
  try {
    await client.query("BEGIN");
    const { rows } = await client.query(MEDIUM, [tenant, body.length, sha256]);
    const headers = { "Content-Type": "application/pdf", "X-Amz-Content-Sha256": sha256 };
    const stored = await s3.fetch(addressOf(rows[0].key), { method: "PUT", body, headers });
    if (!stored.ok) throw new Error(`the bucket answered ${stored.status}`);
    await client.query("UPDATE shop.purchase_lines SET medium = $1 WHERE id = $2", [rows[0].id, item]);
    await client.query("COMMIT");
  } finally {
    client.release(true);
  }
}

const front = storefront({
  base: "",
  tenant: shop.tenant,
  password: shop.password,
  key: "pk_test_druckerei0001",
  statements: { open: OPEN, place: PLACE, pay: PAY, order: ORDER, others: OTHERS, cancel: CANCEL },
  ask: (statement, values) => database.query(statement, values),
  printFile,
  fetchFile: async (key) => {
    const stored = await s3.fetch(addressOf(key));
    if (!stored.ok) throw new Error(`the bucket answered ${stored.status}`);
    return Buffer.from(await stored.arrayBuffer());
  },
});

createServer(async (request, response) => {
  if (request.method === "POST" && request.url === "/behave") {
    const parts = [];
    for await (const part of request) parts.push(part);
    front.behave(JSON.parse(Buffer.concat(parts).toString("utf8")).shop);
    return response.writeHead(200).end();
  }
  await front.handle(request, response);
  return undefined;
}).listen(shop.port, "127.0.0.1");
