import { answerText, printable } from './answer-text.ts';
import { DEFAULT_URL, parseRemoteCommand, UsageError, type RemoteCommand } from './command-line.ts';
import { askPassword } from './password.ts';
import { callRest } from './rest-call.ts';

/** What the command was started with, and where it shows its answers. */
export interface RemoteEnvironment {
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Width of the terminal, where there is one. */
  readonly columns?: number | undefined;
  write(text: string): void;
  writeError(text: string): void;
  /** Undefined when nobody can be asked. */
  askPassword(question: string): Promise<string | undefined>;
}

/** How the command ended. */
export const EXIT = {
  done: 0,
  /** The server refused the operation, or it failed there. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** No server answers, or it does not let the user in. */
  noAccess: 3,
} as const;

const HELP = `wcs-core: a real-time media server

  wcs-core start [--config FILE] [--state DIR] [--dev]   run the server
  wcs-core create-plugin NAME [--js] [--dir FOLDER]      write a plugin to begin with
  wcs-core GROUP VERB [FIELD=VALUE ...]                  call an operation of a running server

  wcs-core plugin list
  wcs-core plugin reload rtmp             a word without = is the field name
  wcs-core stream find status=PUBLISHING
  wcs-core config set path=log.level value=debug
  wcs-core stream find display:='["metrics"]'   := takes JSON

Options of a call:
  --url URL     the server's HTTP port (default WCS_URL, else ${DEFAULT_URL})
  --user NAME   who signs in (default admin); the password is taken from
                WCS_ADMIN_PASSWORD or asked for
  --json        show the answer as JSON

Exit codes: 0 done, 1 refused or failed, 2 wrong command line, 3 no server or not let in.
All operations with their fields: ${DEFAULT_URL}/api
`;

/** Runs one command against a running server and returns the exit code (see `EXIT`). */
export async function runRemote(args: readonly string[], environment: RemoteEnvironment): Promise<number> {
  try {
    return await run(parseRemoteCommand(args, environment.env['WCS_URL']), environment);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    environment.writeError(`${printable(error.message)}\nwcs-core --help shows how to write it.\n`);
    return EXIT.usage;
  }
}

/** The environment of this process. */
export function processEnvironment(version: string): RemoteEnvironment {
  return {
    version,
    env: process.env,
    columns: process.stdout.isTTY ? process.stdout.columns : undefined,
    write: (text) => process.stdout.write(text),
    writeError: (text) => process.stderr.write(text),
    askPassword,
  };
}

async function run(command: RemoteCommand, environment: RemoteEnvironment): Promise<number> {
  switch (command.type) {
    case 'help':
      environment.write(HELP);
      return EXIT.done;
    case 'version':
      environment.write(`${environment.version}\n`);
      return EXIT.done;
    case 'call':
      return call(command, environment);
  }
}

async function call(command: Extract<RemoteCommand, { type: 'call' }>, environment: RemoteEnvironment): Promise<number> {
  const { user, json } = command;
  const password = environment.env['WCS_ADMIN_PASSWORD'] ?? (await environment.askPassword(`Password of ${user}: `));
  if (password === undefined) throw new UsageError(`The password of ${user} is needed: set WCS_ADMIN_PASSWORD.`);
  const answer = await callRest({ ...command, password });
  if (answer.type === 'done') {
    environment.write(json ? `${JSON.stringify(answer.value ?? null, undefined, 2)}\n` : answerText(answer.value, environment.columns));
    return EXIT.done;
  }
  environment.writeError(`${printable(answer.sentence)}\n`);
  return answer.type === 'failed' ? EXIT.failed : EXIT.noAccess;
}
