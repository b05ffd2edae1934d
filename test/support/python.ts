/** The one python that Debian's GStreamer bindings are for. */
export const PYTHON = '/usr/bin/python3';
