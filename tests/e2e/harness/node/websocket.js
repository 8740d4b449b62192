// One WebSocket end of the tests, played by the `ws` package: a server that
// echoes, or a client over HTTP/1.1 or over an HTTP/2 stream (RFC 8441).
//
//   node websocket.js '{"role": "server", "deflate": true}'
//   node websocket.js '{"role": "client", "url": "wss://HOST:PORT/", ...}'
//
// It says what happens as one JSON object per line on stdout, and takes orders
// the same way on stdin; the end of stdin ends it.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const http2 = require('http2');
const net = require('net');
const path = require('path');
const readline = require('readline');
const tls = require('tls');

const WebSocket = require('ws');
const inside = path.dirname(require.resolve('ws'));
const { parse } = require(path.join(inside, 'lib/extension'));
const PerMessageDeflate = require(path.join(inside, 'lib/permessage-deflate'));

const options = JSON.parse(process.argv[2]);
const open = new Set();

const say = (event, more) => process.stdout.write(JSON.stringify({ event, ...more }) + '\n');
const digest = (data) => crypto.createHash('sha256').update(data).digest('hex');

function watch(ws, name) {
  open.add(ws);
  ws.on('message', (data, binary) => {
    if (options.role === 'server' && !options.silent) ws.send(data, { binary });
    say('message', { name, binary, size: data.length, sha256: digest(data), text: data.length < 2000 && !binary ? data.toString() : undefined });
  });
  ws.on('ping', (data) => say('ping', { name, text: data.toString() }));
  ws.on('pong', (data) => say('pong', { name, text: data.toString() }));
  ws.on('error', (error) => say('error', { name, message: error.message }));
  ws.on('close', (code, reason) => {
    open.delete(ws);
    const socket = ws._socket;
    say('close', { name, code, reason: reason.toString(), written: socket && socket.bytesWritten, read: socket && socket.bytesRead });
  });
}

function payload(order) {
  if (order.text !== undefined) return Buffer.from(order.text);
  if (order.hex !== undefined) return Buffer.from(order.hex, 'hex');
  if (order.fill) return Buffer.alloc(order.size, order.fill);
  return crypto.randomBytes(order.size);
}

const orders = {
  send(ws, order) {
    const data = payload(order);
    const count = order.fragments || 1;
    const piece = Math.ceil(data.length / count) || 1;
    for (let n = 0; n < count; n++) {
      ws.send(data.subarray(n * piece, (n + 1) * piece), { binary: order.binary || false, fin: n === count - 1 });
    }
    say('sent', { size: data.length, sha256: digest(data) });
  },
  ping: (ws, order) => ws.ping(order.text),
  close: (ws, order) => ws.close(order.code, order.reason),
  terminate: (ws) => ws.terminate(),
};

function serve() {
  const server = http.createServer((request, response) => {
    response.writeHead(426, { 'content-length': 0 });
    response.end();
  });
  const sockets = new WebSocket.Server({
    server,
    perMessageDeflate: options.deflate ? { threshold: 0 } : false,
    handleProtocols: (offered) => (offered.has('chat.v2') ? 'chat.v2' : false),
  });
  sockets.on('connection', (ws, request) => {
    say('open', { name: request.url, fields: request.rawHeaders, extensions: ws.extensions, protocol: ws.protocol, version: request.httpVersion });
    watch(ws, request.url);
  });
  server.listen(0, '127.0.0.1', () => say('listening', { port: server.address().port }));
}

function socketForHttp2() {
  const at = { host: options.host, port: options.port };
  if (!options.url.startsWith('wss')) return net.connect(at);
  return tls.connect({ ...at, servername: options.sni, ca: fs.readFileSync(options.ca), ALPNProtocols: ['h2'] });
}

function connectOverHttp1() {
  const ws = new WebSocket(options.url, options.protocols || [], {
    perMessageDeflate: options.deflate ? { threshold: 0 } : false,
    lookup: (name, how, done) => (how.all ? done(null, [{ address: options.host, family: 4 }]) : done(null, options.host, 4)),
    servername: options.sni,
    ca: options.ca && fs.readFileSync(options.ca),
    headers: options.fields || {},
  });
  ws.on('unexpected-response', (request, response) => {
    say('refused', { status: response.statusCode, fields: response.rawHeaders });
    request.destroy();
  });
  ws.on('open', () => say('open', { extensions: ws.extensions, protocol: ws.protocol, http: '1.1' }));
  watch(ws, 'client');
}

// `ws` knows nothing of HTTP/2: it gets the stream as its socket once the
// server has accepted it.
function connectOverHttp2() {
  const url = new URL(options.url);
  const origin = `${url.protocol === 'wss:' ? 'https' : 'http'}://${url.host}`;
  const session = http2.connect(origin, { createConnection: socketForHttp2 });
  session.on('error', (error) => say('error', { name: 'session', message: error.message }));
  session.on('goaway', (code, last) => say('goaway', { code, last }));
  session.on('close', () => say('session_end', {}));
  session.on('remoteSettings', (settings) => {
    say('settings', { connect: settings.enableConnectProtocol === true });
    if (!settings.enableConnectProtocol) return;
    const fields = {
      ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': origin.split(':')[0],
      ':path': url.pathname + url.search, ':authority': url.host, 'sec-websocket-version': '13',
      ...(options.fields || {}),
    };
    if (options.protocols) fields['sec-websocket-protocol'] = options.protocols.join(', ');
    let deflate;
    if (options.deflate) {
      deflate = new PerMessageDeflate({ threshold: 0 }, false);
      fields['sec-websocket-extensions'] = 'permessage-deflate; client_max_window_bits';
    }
    const stream = session.request(fields, { endStream: false });
    stream.on('error', (error) => say('error', { name: 'stream', message: error.message }));
    stream.on('close', () => say('stream_end', { code: stream.rstCode }));
    stream.on('response', (answer) => {
      if (answer[':status'] !== 200) {
        say('refused', { status: answer[':status'] });
        session.close();
        return;
      }
      const ws = new WebSocket(null);
      ws._isServer = false; // without an address it takes itself for one
      const extensions = answer['sec-websocket-extensions'];
      if (extensions) {
        deflate.accept(parse(extensions)[PerMessageDeflate.extensionName]);
        ws._extensions[PerMessageDeflate.extensionName] = deflate;
      }
      ws._protocol = answer['sec-websocket-protocol'] || '';
      stream.setNoDelay = () => {};
      watch(ws, 'client');
      ws.on('close', () => session.close());
      ws.setSocket(stream, Buffer.alloc(0), { maxPayload: 64 << 20, skipUTF8Validation: false });
      say('open', { extensions: ws.extensions, protocol: ws.protocol, http: '2', fields: answer });
    });
  });
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const order = JSON.parse(line);
  for (const ws of open) orders[order.order](ws, order);
}).on('close', () => process.exit(0));

if (options.role === 'server') serve();
else if (options.http === 2) connectOverHttp2();
else connectOverHttp1();
