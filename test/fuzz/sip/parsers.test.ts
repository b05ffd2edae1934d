import { checkMessage } from '../../../plugins/sip/engine/wire/check-message.ts';
import { ControlFramer } from '../../../plugins/sip/engine/wire/control-frame.ts';
import { parseSipMessage } from '../../../plugins/sip/engine/wire/parse-message.ts';
import { StreamFramer } from '../../../plugins/sip/engine/wire/stream-framer.ts';
import { fuzzParsers, type ParserTargets } from '../../support/fuzz-parsers.ts';
import { TORTURE } from '../../golden/sip/torture-messages.ts';

const seedOf = (index: number): Uint8Array => new Uint8Array(Buffer.from(TORTURE[index]!.text));
const parse = (input: Uint8Array): unknown => checkMessage(parseSipMessage(input).message);
const feed = (input: Uint8Array): unknown => {
  new StreamFramer().feed(input, () => undefined);
  return undefined;
};

/** Each parser with bytes that it takes, to be mutated. */
const targets: ParserTargets = {
  'a tortuous INVITE': [parse, seedOf(0)],
  'a request with every valid character': [parse, seedOf(1)],
  'a body of several parts': [parse, seedOf(10)],
  'a response': [parse, seedOf(11)],
  'a stream of two requests': [feed, seedOf(7)],
  'a control message': [
    (input) => {
      new ControlFramer().feed(input, () => undefined);
      return undefined;
    },
    new Uint8Array(Buffer.from('57#e3877c8f-3ff7-4005-a0bc-9e7019c719bb|sip|||sip:127.0.0.1\r\n')),
  ],
};

fuzzParsers(targets, { runs: 2000, seed: 20265 });
