import { serveJobs } from 'wcs-core/process/child-jobs';
import type { JobSpec } from '../processor/chain-spec.ts';

// Loaded before the first job, which may be a while off; a missing node-av refuses that job and says why.
const loading = import('./open-chain.ts');
loading.catch(() => undefined);
serveJobs(async (spec, output) => {
  const { openChain } = await loading;
  // Written by the same bundle.
  return openChain(spec as JobSpec, output);
});
