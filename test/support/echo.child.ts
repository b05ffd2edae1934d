import { serveJobs } from '../../core/process/child-jobs.ts';

/** A child for tests: sends packets back, and dies, hangs or throws when a packet says so. */
serveJobs((spec, output) => {
  if (spec === 'refuse') throw new Error('not this one');
  output.event({ spec, pid: process.pid });
  return {
    onPacket: (packet) => {
      const word = Buffer.from(packet.data).toString();
      if (word === 'die') process.kill(process.pid, 'SIGSEGV');
      if (word === 'throw') throw new Error('thrown as asked');
      if (word === 'hang') for (;;);
      output.packet(packet);
    },
    onCommand: () => output.end(),
    close: () => undefined,
  };
});
