/**
 * A wire that takes its time: node slow-proxy.mjs PORT HOST:PORT DELAY JITTER. Every byte comes DELAY ms later, give or take JITTER, each way, in
 * order. Says "ready" once it listens.
 */
import { connect, createServer } from 'node:net';

const [port, target = '', delay, jitter] = process.argv.slice(2);
const [host, hostPort] = target.split(':');

function carry(from, to) {
  const queue = [];
  let due = 0;
  const next = () => {
    if (queue.length > 0) setTimeout(deliver, queue[0].due - performance.now());
  };
  const deliver = () => {
    queue.shift().act();
    next();
  };
  const later = (act) => {
    due = Math.max(due, performance.now() + Number(delay) + (Math.random() * 2 - 1) * Number(jitter));
    if (queue.push({ due, act }) === 1) next();
  };
  from.on('data', (chunk) => later(() => to.write(chunk)));
  from.on('end', () => later(() => to.end()));
  from.on('error', () => later(() => to.destroy()));
}

createServer((socket) => {
  const far = connect(Number(hostPort), host);
  carry(socket, far);
  carry(far, socket);
}).listen(Number(port), () => console.log('ready'));
