import { serveJobs } from 'wcs-core/process/child-jobs';
import type { JobSpec } from '../processor/chain-spec.ts';

// Loaded with the first job, so that a missing node-av refuses that job and says why.
serveJobs(async (spec, output) => {
  const { openChain } = await import('./open-chain.ts');
  // Written by the same bundle.
  return openChain(spec as JobSpec, output);
});
