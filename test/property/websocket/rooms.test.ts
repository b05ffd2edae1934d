import test from 'ava';
import fc from 'fast-check';
import { Rooms, type Delivery } from '../../../plugins/websocket/session/rooms.ts';

const LOGINS = ['Alice', 'Bob', 'Carol', 'Dave'];

type Step =
  | { readonly type: 'join' | 'leave' | 'end' | 'restore'; readonly who: number }
  | { readonly type: 'publish' | 'unpublish' | 'fail'; readonly who: number; readonly stream: number };

const who = fc.nat(LOGINS.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constantFrom('join' as const, 'join' as const, 'leave' as const, 'end' as const, 'restore' as const), who }),
  fc.record({ type: fc.constantFrom('publish' as const, 'unpublish' as const, 'fail' as const), who, stream: fc.nat(1) }),
);

/** What one client believes of the room; throws where the SDK would. */
class Believer {
  members: Map<string, Set<string>> | undefined;

  hear({ message }: Delivery): void {
    if (message.type === 'DataStatusEvent') return;
    if (message.type !== 'OnDataEvent') throw new Error(message.type);
    const { name, info } = message.payload as { name: string; info: unknown };
    if (name === 'STATE') {
      this.members = new Map();
      for (const entry of info as (string | { login: string; name: string })[]) {
        const login = typeof entry === 'string' ? entry : entry.login;
        const streams = this.members.get(login) ?? new Set();
        if (typeof entry !== 'string') streams.add(entry.name);
        this.members.set(login, streams);
      }
      return;
    }
    if (this.members === undefined) throw new Error(`${name} before STATE`);
    if (name === 'JOINED') {
      if (this.members.has(String(info))) throw new Error('joined twice');
      this.members.set(String(info), new Set());
    } else if (name === 'LEFT') {
      if (!this.members.delete(String(info))) throw new Error('left without having joined');
    } else {
      const { login, name: stream } = info as { login: string; name: string };
      const streams = this.members.get(login);
      if (streams === undefined) throw new Error(`${name} of a stranger`);
      if (name === 'PUBLISHED') streams.add(stream);
      else if (!streams.delete(stream)) throw new Error(`${name} of an unknown stream`);
    }
  }
}

test('whatever members do, each hears of the others in an order that the SDK can follow, and believes what is true', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let id = 0;
      const limits = { maxMembers: 10, maxRoomsPerSession: 2 };
      let rooms = new Rooms(limits, () => String(id++));
      const truth = new Map<number, Set<string>>();
      const believers = LOGINS.map(() => new Believer());
      const deliver = (deliveries: readonly Delivery[]): void => deliveries.forEach((delivery) => believers[Number(delivery.sessionId)]!.hear(delivery));
      for (const { type, who: index, ...rest } of steps) {
        const by = { sessionId: String(index), appKey: 'roomApp', login: LOGINS[index] };
        const stream = `s${index}-${'stream' in rest ? rest.stream : 0}`;
        if (type === 'join') {
          deliver(rooms.command(by, 'o', { type, room: 'r' }));
          if (!truth.has(index)) truth.set(index, new Set());
        } else if (type === 'leave' || type === 'end') {
          deliver(type === 'leave' ? rooms.command(by, 'o', { type, room: 'r' }) : rooms.sessionEnded(by.sessionId));
          truth.delete(index);
          believers[index] = new Believer();
        } else if (type === 'restore') rooms = new Rooms(limits, () => String(id++), structuredClone(rooms.exportState()));
        else if (type === 'publish') {
          deliver(rooms.published(by, 'r', stream));
          truth.get(index)?.add(stream);
        } else {
          deliver(rooms.unpublished(by, 'r', stream, type === 'fail'));
          truth.get(index)?.delete(stream);
        }
      }
      for (const [index, believer] of believers.entries()) {
        if (!truth.has(index)) continue;
        const expected = [...truth].filter(([other]) => other !== index).map(([other, streams]) => [LOGINS[other]!, [...streams].sort()] as const).sort();
        const believed = [...believer.members!].map(([login, streams]) => [login, [...streams].sort()] as const).sort();
        if (JSON.stringify(believed) !== JSON.stringify(expected)) throw new Error(`${LOGINS[index]} believes ${JSON.stringify(believed)} instead of ${JSON.stringify(expected)}`);
      }
      if (truth.size === 0 && rooms.exportState().length > 0) throw new Error('An empty room is kept');
    }),
    { numRuns: 500, seed: 11 },
  );
  t.pass();
});
