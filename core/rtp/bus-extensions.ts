/**
 * Ids of the header extensions that packets may carry on the media bus, whatever a publisher negotiated: it changes its
 * own to these (`mapHeaderExtensions`) and leaves every other one out.
 */
export const BUS_EXTENSION_ID = {
  /** `urn:3gpp:video-orientation`: one byte. @see 3GPP TS 26.114 section 7.4.5 */
  orientation: 1,
} as const;
