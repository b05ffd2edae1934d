import { WcsError, type Operation } from 'wcs-core';

/** Registers an operation of administrators, or of viewers. */
export type Register = <Input, Output>(operation: Omit<Operation<Input, Output>, 'role'> & { readonly role?: 'viewer' }) => void;

/** What is said of a stream that isn't in a mix. */
export function notIn(uriText: string, streamName: string): WcsError {
  return new WcsError('MEDIA_E_NOT_FOUND', `${streamName} is not in ${uriText}.`);
}
