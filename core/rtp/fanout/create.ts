import { messageOf, WcsError } from '../../errors/wcs-error.ts';
import type { Log } from '../../log/log.ts';
import type { EngineTier, FanoutEngine } from './engine.ts';
import { FfiEngine } from './ffi.ts';
import { loadNativeLibrary } from './native-library.ts';
import { PureEngine } from './pure.ts';
import { testEngine } from './self-test.ts';

/** How an engine is chosen. */
export interface FanoutEngineOptions {
  /** `auto` is the fastest that works here. */
  readonly tier: EngineTier | 'auto';
  readonly log: Pick<Log, 'info'>;
}

/**
 * The engine that all RTP of this process leaves through. `ffi` is taken only after it has really encrypted and sent to itself.
 *
 * @throws WcsError CONFIG_E_INVALID when `ffi` is forced and doesn't work here
 */
export function createFanoutEngine({ tier, log }: FanoutEngineOptions): FanoutEngine {
  if (tier === 'pure') {
    log.info('RTP is sent by node:crypto and node:dgram, as network.rtpEngine says.', { tier: 'pure' });
    return new PureEngine();
  }
  try {
    const engine = createFfiEngine();
    log.info(`RTP is sent by libcrypto and sendmmsg${engine.segments ? ' with UDP segmentation offload' : ''}.`, { tier: 'ffi', segments: engine.segments });
    return engine;
  } catch (error) {
    if (tier === 'ffi') {
      throw new WcsError('CONFIG_E_INVALID', `network.rtpEngine is "ffi", which doesn't work here: ${messageOf(error)}. Run "npm install koffi" on Linux, or set it to "auto".`, { cause: error });
    }
    log.info('RTP is sent by node:crypto and node:dgram, at several times the processor time that libcrypto and sendmmsg take where they are to be had.', { tier: 'pure', reason: messageOf(error) });
    return new PureEngine();
  }
}

/** With segmentation offload where the system has it. One that doesn't know it sends a run as one long datagram, which the test notices. */
function createFfiEngine(): FfiEngine {
  const library = loadNativeLibrary();
  const engine = new FfiEngine(library);
  try {
    testEngine(engine);
    return engine;
  } catch {
    const single = new FfiEngine(library, false);
    testEngine(single);
    return single;
  }
}
