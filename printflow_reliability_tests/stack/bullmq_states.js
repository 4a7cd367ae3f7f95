/*
 * BullMQ's own word on its queues: puts real jobs into every state, and prints what its API says of them as JSON.
 *
 * node bullmq_states.js MODULES PORT PREFIX; the password of the Redis comes on standard input.
 */

"use strict";

const path = require("path");
const fs = require("fs");
const { Queue, Worker, FlowProducer } = require(path.join(process.argv[2], "bullmq"));

const password = fs.readFileSync(0, "utf8").trim();
const connection = { host: "127.0.0.1", port: Number(process.argv[3]), password, maxRetriesPerRequest: null };
const options = { connection, prefix: process.argv[4] };
const opened = [];

function open(thing) {
  opened.push(thing);
  thing.on("error", () => undefined);
  return thing;
}

async function states() {
  const queue = open(new Queue("states", options));
  const worker = open(new Worker("states", null, { ...options, autorun: false }));
  await worker.waitUntilReady();
  for (const number of [1, 2, 3, 4]) await queue.add("make", { order: { id: number } });
  const failing = await worker.getNextJob("token");
  await failing.moveToFailed(new Error("no such font"), "token");
  const retried = await worker.getNextJob("token");
  await retried.moveToFailed(new Error("once"), "token");
  await retried.retry();
  await worker.getNextJob("token");
  await worker.getNextJob("token");
  for (const number of [5, 6]) await queue.add("make", { number });
  for (const priority of [1, 9]) await queue.add("make", {}, { priority });
  for (const delay of [3600000, 7200000]) await queue.add("make", {}, { delay });
  await queue.add("make", {}, { delay: 1 });
  await open(new FlowProducer(options)).add({
    name: "parent",
    queueName: "states",
    children: [1, 2].map((number) => ({ name: "child", queueName: "states", data: { number } })),
  });
  return queue;
}

async function paused() {
  const queue = open(new Queue("held up", options));
  await queue.add("make", {});
  await queue.pause();
  await queue.add("make", {});
  const backoff = { type: "exponential", delay: 1000, jitter: 0.5 };
  await queue.add("bounded", {}, { delay: 3600000, attempts: 5, backoff, removeOnFail: { age: 604800 } });
  return queue;
}

async function pruned() {
  const queue = open(new Queue("pruned*", options));
  const worker = open(new Worker("pruned*", null, { ...options, autorun: false }));
  await worker.waitUntilReady();
  for (const number of [1, 2, 3]) await queue.add("make", { number }, { removeOnFail: { count: 1 } });
  for (let number = 0; number < 3; number += 1) {
    const job = await worker.getNextJob("token");
    await job.moveToFailed(new Error("again"), "token");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return queue;
}

async function idle() {
  const queue = open(new Queue("idle", options));
  await queue.waitUntilReady();
  return queue;
}

async function main() {
  const said = {};
  for (const queue of [await states(), await paused(), await pruned(), await idle()]) {
    said[queue.name] = {
      counts: await queue.getJobCounts(),
      failed: (await queue.getFailed()).length,
      paused: await queue.isPaused(),
      workers: await queue.getWorkersCount(),
    };
  }
  process.stdout.write(JSON.stringify(said) + "\n");
  if (process.argv[5] === "stay") await new Promise((resolve) => setTimeout(resolve, 600000));
  await Promise.allSettled(opened.map((thing) => thing.close()));
  process.exit(0);
}

main().catch((error) => {
  process.stderr.write(String(error.stack) + "\n");
  process.exit(1);
});
