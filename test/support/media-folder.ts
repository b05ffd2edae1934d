import { join } from 'node:path';
import { checkout } from './test-kernel.ts';

/** Folder of the clips that `setup-peers.sh` makes. */
export const mediaFolder = join(checkout, '.build', 'media');
