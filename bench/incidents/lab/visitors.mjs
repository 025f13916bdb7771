// The outside world of one lab machine: visitors, bots, monitors and browsers, from the documentation address ranges.
// Reads the incident's `visitors` (JSON) from the file named in argv. All of it stays on the machine's own loopback.
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { io } from 'socket.io-client';

const world = JSON.parse(fs.readFileSync(process.argv[2]));
const pick = (list) => list[Math.floor(Math.random() * list.length)];
const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));
const randomAddress = () => `${pick(['203.0.113', '198.51.100', '192.0.2'])}.${2 + Math.floor(Math.random() * 250)}`;
const people = Array.from({ length: 40 }, randomAddress);
const botAddresses = Array.from({ length: 8 }, randomAddress);
const browsers = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0',
  'Mozilla/5.0 (Linux; Android 15; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36',
];
const bots = ['Mozilla/5.0 (compatible; SemrushBot/7~bl; +http://www.semrush.com/bot.html)', 'python-requests/2.31.0', 'Go-http-client/1.1', 'Mozilla/5.0 zgrab/0.x'];
const botPaths = ['/.env', '/wp-login.php', '/.git/HEAD', '/xmlrpc.php', '/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php', '/robots.txt', '/server-status', '/admin/', '/solr/admin/info/system', '/favicon.ico'];

/** One request; resolves to its status, or to an error's code. */
function request(method, path, options = {}) {
  const url = new URL(path, options.base ?? world.base);
  const body = options.body;
  const headers = { Host: options.host ?? world.host, 'User-Agent': options.agent ?? pick(browsers), ...world.headers, ...options.headers };
  if (body) Object.assign(headers, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  return new Promise((done) => {
    const sent = (url.protocol === 'https:' ? https : http).request(
      url, { method, headers, localAddress: options.address ?? pick(people), agent: false, path, servername: world.host,
        ca: world.ca && fs.readFileSync(world.ca), rejectUnauthorized: Boolean(world.ca) },
      (reply) => { reply.resume(); reply.on('end', () => done(String(reply.statusCode))); reply.on('error', (error) => done(error.code)); });
    sent.on('error', (error) => done(error.code ?? error.message));
    sent.setTimeout((options.timeout ?? 120) * 1000, () => sent.destroy());
    if (options.abortAfter) setTimeout(() => sent.destroy(), options.abortAfter * 1000);
    sent.end(body);
  });
}

const fill = (text) => text?.replace(/\{n\}/g, () => String(1 + Math.floor(Math.random() * 900)));

/** Random visitors: `perSecond`, `paths` [[weight, method, path, body]], shares of `bots` and `aborts` (seconds `abortAfter`). */
async function visits({ perSecond, paths, bots: botShare = 0.03, aborts = 0, abortAfter = 0.4 }) {
  const choices = paths.flatMap(([weight, ...rest]) => Array(weight).fill(rest));
  let open = 0;
  for (;;) {
    await sleep(-Math.log(1 - Math.random()) / perSecond);
    if (open > 30) continue;
    const bot = Math.random() < botShare;
    const [method, path, body] = bot ? ['GET', pick(botPaths)] : pick(choices);
    open += 1;
    request(method, fill(path), { body: fill(body), agent: bot ? pick(bots) : undefined, address: bot ? pick(botAddresses) : undefined,
      abortAfter: Math.random() < aborts ? abortAfter * (0.5 + Math.random()) : undefined }).finally(() => { open -= 1; });
  }
}

/** Something that asks every `every` seconds from one address, and may keep a log of its own. */
async function monitor({ every, jitter = 0, offset = 0, path, log, name = 'monitor', ...options }) {
  await sleep(offset);
  for (let next = performance.now(); ; ) { // the wall clock may leap
    request(options.method ?? 'GET', path, options).then((result) => {
      if (log) fs.appendFileSync(log, `${new Date().toISOString()} ${name} ${path} ${/^2/.test(result) ? 'up' : 'DOWN'} ${result}\n`);
    });
    next += every * 1000;
    await sleep(Math.max(0, (next - performance.now()) / 1000) + Math.random() * jitter);
  }
}

/** Long-lived streams (text/event-stream), reopened 3 s after each end, as EventSource does. */
async function stream({ path }) {
  const address = randomAddress();
  const agent = pick(browsers);
  for (;;) {
    await request('GET', path, { address, agent, timeout: 86400, headers: { Accept: 'text/event-stream' } });
    await sleep(3);
  }
}

/** A browser with a socket.io connection; `log` is its console, `asleep` seconds a phone's screen stays off now and then. */
function browser({ path = '/socket.io/', log, tag = 'app', emitEvery, asleep }) {
  const address = randomAddress();
  const secure = world.base.startsWith('https');
  const agent = new (secure ? https : http).Agent({ localAddress: address, rejectUnauthorized: false });
  const socket = io(world.base, { path, agent, forceNew: true, rejectUnauthorized: false, extraHeaders: { Host: world.host, 'User-Agent': pick(browsers) } });
  const say = (text) => log && fs.appendFileSync(log, `${new Date().toISOString()} [${tag}] ${text}\n`);
  socket.on('connect', () => say(`connected ${socket.id}`));
  socket.on('disconnect', (reason) => say(`disconnected: ${reason}`));
  socket.on('connect_error', (error) => say(`connect_error: ${error.message}${error.context ? ` (HTTP ${error.context.status})` : ''}`));
  if (emitEvery) setInterval(() => socket.connected && socket.emit('message', { at: Date.now() }), emitEvery * 1000 * (0.7 + Math.random() * 0.6));
  if (asleep) (async () => { for (;;) { await sleep(asleep * (2 + 6 * Math.random())); socket.io.engine.close(); } })();
}

process.on('uncaughtException', (error) => console.error(new Date().toISOString(), error));
await sleep(world.delay ?? 25);
for (const one of world.visits ?? []) visits(one);
for (const one of world.monitors ?? []) monitor(one);
for (const one of world.streams ?? []) for (let i = 0; i < one.count; i += 1) sleep(i * (one.spread ?? 4)).then(() => stream(one));
for (const one of world.browsers ?? []) for (let i = 0; i < one.count; i += 1) sleep(i * (one.spread ?? 4)).then(() => browser({ ...one, log: i ? undefined : one.log }));
