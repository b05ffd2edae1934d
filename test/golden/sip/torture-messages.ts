/**
 * The messages of RFC 4475 (test messages for SIP parsers), sections 3.1 to 3.3, some shortened where the length alone
 * is the point, and what this engine makes of each: `valid`, the status that refuses it, or `dropped` without an answer.
 */
export interface TortureMessage {
  /** Section and name in the document. */
  readonly name: string;
  readonly text: string;
  readonly outcome: 'valid' | 'dropped' | number;
}

const crlf = (lines: readonly string[]): string => lines.join('\r\n');
const SDP = crlf(['v=0', 'o=mhandley 29739 7272939 IN IP4 192.0.2.3', 's=-', 'c=IN IP4 192.0.2.4', 't=0 0', 'm=audio 49217 RTP/AVP 0 12', 'm=video 3227 RTP/AVP 31', 'a=rtpmap:31 LPC', '']);

/** A plain request, with lines in the place of its own or added to them. */
function request(method: string, uri: string, lines: readonly string[], { body = '', version = 'SIP/2.0', without = [] as string[] } = {}): string {
  const own: [string, string][] = [
    ['Max-Forwards', '70'], ['To', 'sip:j.user@example.com'], ['From', 'sip:caller@example.net;tag=134161461246'], ['Call-ID', 'torture.0ha0isndaksdj'], ['CSeq', `8 ${method}`],
    ['Via', 'SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKkdjuw'], ['Content-Length', String(Buffer.byteLength(body))],
  ];
  const named = new Set([...lines.map((line) => line.split(':')[0]!.trim().toLowerCase()), ...without.map((name) => name.toLowerCase())]);
  const kept = own.filter(([name]) => !named.has(name.toLowerCase())).map(([name, value]) => `${name}: ${value}`);
  return `${crlf([`${method} ${uri} ${version}`, ...kept, ...lines, '', ''])}${body}`;
}

export const TORTURE: readonly TortureMessage[] = [
  {
    name: '3.1.1.1 wsinv: a short tortuous INVITE',
    outcome: 'valid',
    text: `${crlf([
      'INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0', 'TO :', ' sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n', 'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>',
      '  ;', '  tag = 98asjd8', 'MaX-fOrWaRdS: 0068', 'Call-ID: wsinv.ndaksdj@192.0.2.1', `Content-Length   : ${SDP.length}`, 'cseq: 0009', '  INVITE', 'Via  : SIP  /   2.0', ' /UDP', '    192.0.2.2;branch=390skdjuw',
      's :', 'NewFangledHeader:   newfangled value', ' continued newfangled value', 'UnknownHeaderWithUnusualValue: ;;,,;;,;', 'Content-Type: application/sdp', 'Route:', ' <sip:services.example.com;lr;unknownwith=value;unknown-no-value>',
      'v:  SIP  / 2.0  / TCP     spindle.example.com   ;', '  branch  =   z9hG4bK9ikj8  ,', ' SIP  /    2.0   / UDP  192.168.255.111   ; branch=', ' z9hG4bK30239', 'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =', '      newvalue ;',
      '  secondparam ; q = 0.33', '', '',
    ])}${SDP}`,
  },
  {
    name: '3.1.1.2 intmeth: a wide range of valid characters',
    outcome: 'valid',
    text: crlf([
      "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0",
      'Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`\'~', 'To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn\'t+it$/crazy?,/;;*@example.com>',
      'From: token1~` token2\'+_ token3*%!.- <sip:mundane@example.com>;fromParam\'\'~+*_!.-%="\u0440\u0430\u0431\u043e\u0442\u0430\u044e\u0449\u0438\u0439";tag=_token~1\'+`*%!-.', 'Call-ID: intmeth.word%ZK-!.*_+\'@word`~)(><:\\/"][?}{',
      "CSeq: 139122385 !interesting-Method0123456789_*+`.%indeed'~", 'Max-Forwards: 255', 'extensionHeader-!.%*+_`\'~:\ufeff\u5927\u505c\u96fb', 'Content-Length: 0', '', '',
    ]),
  },
  { name: '3.1.1.3 esc01: escapes in the user part', outcome: 'valid', text: request('INVITE', 'sip:sips%3Auser%40example.com@example.net', ['To: sip:%75se%72@example.com', 'Contact: <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>', 'Content-Type: application/sdp'], { body: SDP }) },
  { name: '3.1.1.4 escnull: escaped NUL in URIs', outcome: 'valid', text: request('REGISTER', 'sip:example.com', ['To: sip:null-%00-null@example.com', 'From: sip:null-%00-null@example.com;tag=839923423', 'Contact: <sip:%00@host5.example.com>', 'Contact: <sip:%00%00@host5.example.com>', 'L:0'], { without: ['Content-Length'] }) },
  { name: '3.1.1.5 esc02: percent signs that are no escapes', outcome: 'valid', text: request('RE%47IST%45R', 'sip:registrar.example.com', ['To: "%Z%45" <sip:resource@example.com>', 'From: "%Z%45" <sip:resource@example.com>;tag=f232jadfj23', 'Contact: <sip:alias1@host1.example.com>', 'Contact: <sip:alias3@host3.example.com>']) },
  { name: '3.1.1.6 lwsdisp: no white space before the bracket', outcome: 'valid', text: request('OPTIONS', 'sip:user@example.com', ['From: caller<sip:caller@example.com>;tag=323']) },
  { name: '3.1.1.7 longreq: long values, near the limits', outcome: 'valid', text: request('INVITE', 'sip:user@example.com', [`To: "I have a user name of ${'extreme'.repeat(10)} proportion"<sip:user@example.com:6000;${'longparam'.repeat(20)}name=${'longvalue'.repeat(40)}>`, `Unknown-${'LongName'.repeat(20)}: unknown-${'longvalue'.repeat(30)}; unknown-parameter=${'long'.repeat(50)}`, `Call-ID: longreq.one${'really'.repeat(20)}longcallid`, 'Contact: <sip:amazinglylongcallername@host5.example.net>']) },
  { name: '3.1.1.8 dblreq: bytes behind the body', outcome: 'valid', text: request('REGISTER', 'sip:example.com', ['Contact: sip:j.user@host.example.com']) + request('INVITE', 'sip:joe@example.com', []) },
  { name: '3.1.1.9 semiuri: a semicolon in the user part', outcome: 'valid', text: request('OPTIONS', 'sip:user;par=u%40example.net@example.com', ['Accept: application/sdp, application/pkcs7-mime,multipart/mixed']) },
  { name: '3.1.1.10 transports: unknown ones in Via', outcome: 'valid', text: request('OPTIONS', 'sip:user@example.com', ['Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw', 'Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf', 'Via: SIP/2.0/UNKNOWN t5.example.com;branch=z9hG4bKxxx']) },
  { name: '3.1.1.11 mpart01: a body of several parts', outcome: 'valid', text: request('MESSAGE', 'sip:kumiko@example.org', ['Content-Type: multipart/mixed;boundary=7a9cbec02ceef655'], { body: crlf(['--7a9cbec02ceef655', 'Content-Type: text/plain', '', 'Hello', '--7a9cbec02ceef655--', '']) }) },
  { name: '3.1.1.12 unreason: a reason beyond ASCII', outcome: 'valid', text: crlf(['SIP/2.0 200 = 2**3 * 5**2 \u043d\u043e \u0441\u0442\u043e', 'Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923', 'Call-ID: unreason.1234ksdfak3j2erwedfsASdf', 'CSeq: 35 INVITE', 'From: sip:user@example.com;tag=11141343', 'To: sip:user@example.edu;tag=2229', 'Content-Length: 0', '', '']) },
  { name: '3.1.1.13 noreason: an empty reason', outcome: 'valid', text: crlf(['SIP/2.0 100 ', 'Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe', 'Call-ID: noreason.asndj203insdf99223ndf', 'CSeq: 35 INVITE', 'From: <sip:user@example.com>;tag=39ansfi3', 'To: <sip:user@example.edu>;tag=902jndnke3', 'Content-Length: 0', '', '']) },
  { name: '3.1.2.1 badinv01: separators that nothing follows', outcome: 400, text: request('INVITE', 'sip:user@example.com', ['Contact: "Joe" <sip:joe@example.org>;;;;', 'Via: SIP/2.0/UDP 192.0.2.15;;,;,,']) },
  { name: '3.1.2.2 clerr: a Content-Length beyond the message', outcome: 400, text: request('INVITE', 'sip:user@example.com', ['Content-Length: 9999', 'Content-Type: application/sdp'], { body: SDP }) },
  { name: '3.1.2.3 ncl: a negative Content-Length', outcome: 400, text: request('INVITE', 'sip:user@example.com', ['Content-Length: -999', 'Content-Type: application/sdp'], { body: SDP }) },
  { name: '3.1.2.4 scalar02: numbers beyond their range', outcome: 400, text: request('REGISTER', 'sip:example.com', ['CSeq: 36893488147419103232 REGISTER', 'Max-Forwards: 300', 'Expires: 1000000000000000000000000000000000000000000000000000000', 'Contact: <sip:user@host129.example.com>;expires=280297596632815']) },
  { name: '3.1.2.5 scalarlg: numbers beyond their range in a response', outcome: 400, text: crlf(['SIP/2.0 503 Service Unavailable', 'Via: SIP/2.0/TCP host129.example.com;branch=z9hG4bKzzxdiwo34sw', 'To: <sip:user@example.com>', 'From: <sip:other@example.net>;tag=2easdjfejw', 'CSeq: 9292394834772304023312 OPTIONS', 'Call-ID: scalarlg.noase0of0234hn2qofoaf0232aewf2394r', 'Retry-After: 949302838503028349304023988', 'Content-Length: 0', '', '']) },
  { name: '3.1.2.6 quotbal: a quoted string that does not end', outcome: 400, text: request('INVITE', 'sip:user@example.com', ['To: "Mr. J. User <sip:j.user@example.com>']) },
  { name: '3.1.2.7 ltgtruri: brackets around the Request-URI', outcome: 400, text: request('INVITE', '<sip:user@example.com>', []) },
  { name: '3.1.2.8 lwsruri: white space in the Request-URI', outcome: 400, text: request('INVITE', 'sip:user@example.com; lr', []) },
  { name: '3.1.2.9 lwsstart: several spaces in the start line', outcome: 400, text: request('INVITE', ' sip:user@example.com ', []) },
  { name: '3.1.2.10 trws: white space behind the start line', outcome: 400, text: request('OPTIONS', 'sip:remote-target@example.com', [], { version: 'SIP/2.0  ' }) },
  { name: '3.1.2.11 escruri: header fields in the Request-URI', outcome: 'valid', text: request('INVITE', 'sip:user@example.com?Route=%3Csip:example.com%3E', []) },
  { name: '3.1.2.12 baddate: a date in another zone', outcome: 'valid', text: request('INVITE', 'sip:user@example.com', ['Date: Fri, 01 Jan 2010 16:00:00 EST']) },
  { name: '3.1.2.13 regbadct: a Contact URI with a question mark and no brackets', outcome: 400, text: request('REGISTER', 'sip:example.com', ['Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E']) },
  { name: '3.1.2.14 badaspec: white space in an addr-spec', outcome: 400, text: request('OPTIONS', 'sip:user@example.org', ['To: "Watson, Thomas" < sip:t.watson@example.org >']) },
  { name: '3.1.2.15 baddn: a display name that is no token', outcome: 400, text: request('OPTIONS', 'sip:t.watson@example.org', ['From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43']) },
  { name: '3.1.2.16 badvers: another version', outcome: 505, text: request('OPTIONS', 'sip:t.watson@example.org', [], { version: 'SIP/7.0' }) },
  { name: '3.1.2.17 mismatch01: a CSeq of another method', outcome: 400, text: request('OPTIONS', 'sip:user@example.com', ['CSeq: 8 INVITE']) },
  { name: '3.1.2.18 mismatch02: an unknown method, and a CSeq of another', outcome: 400, text: request('NEWMETHOD', 'sip:user@example.com', ['CSeq: 8 INVITE']) },
  { name: '3.1.2.19 bigcode: a status beyond its range', outcome: 'dropped', text: crlf(['SIP/2.0 4294967301 better not break the receiver', 'Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe', 'Call-ID: bigcode.asdof3uj203asdnf3429uasdhfas3ehjasdfas9i', 'CSeq: 353494 INVITE', 'From: <sip:user@example.com>;tag=39ansfi3', 'To: <sip:user@example.edu>;tag=902jndnke3', 'Content-Length: 0', '', '']) },
  { name: '3.2.1 badbranch: the magic cookie alone', outcome: 'valid', text: request('OPTIONS', 'sip:user@example.com', ['Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK']) },
  { name: '3.3.1 insuf: no Call-ID, From or To', outcome: 400, text: request('INVITE', 'sip:user@example.com', [], { without: ['Call-ID', 'From', 'To'] }) },
  { name: '3.3.2 unkscm: an unknown scheme', outcome: 416, text: request('OPTIONS', 'nobodyKnowsThisScheme:totallyopaquecontent', []) },
  { name: '3.3.3 novelsc: a known scheme that is not for calls', outcome: 416, text: request('OPTIONS', 'soap.beep://192.0.2.103:3002', []) },
  { name: '3.3.4 unksm2: unknown schemes in other fields', outcome: 'valid', text: request('REGISTER', 'sip:example.com', ['To: isbn:2983792873', 'From: <http://www.example.com>;tag=3234233', 'Contact: <name:John_Smith>']) },
  { name: '3.3.5 bext01: unknown extensions required', outcome: 420, text: request('OPTIONS', 'sip:user@example.com', ['Require: nothingSupportsThis, nothingSupportsThisEither', 'Proxy-Require: noProxiesSupportThis']) },
  { name: '3.3.6 invut: a body of an unknown type', outcome: 'valid', text: request('INVITE', 'sip:user@example.com', ['Content-Type: application/unknownformat'], { body: '<audio>\r\n <pcmu port="443"/>\r\n</audio>' }) },
  { name: '3.3.7 regaut01: an unknown scheme of authorization', outcome: 'valid', text: request('REGISTER', 'sip:example.com', ['Authorization: NoOneKnowsThisScheme opaque-data=here']) },
  { name: '3.3.8 multi01: several values where one is allowed', outcome: 400, text: request('INVITE', 'sip:user@company.com', ['CSeq: 5 INVITE', 'Call-ID: multi01.98asdh@192.0.2.1', 'CSeq: 59 INVITE', 'Call-ID: multi01.98asdh@192.0.2.2', 'From: sip:caller@example.com;tag=3413415', 'From: sip:caller@example.com;tag=2923420123', 'To: sip:user@example.com', 'To: sip:other@example.net']) },
  { name: '3.3.9 mcl01: several Content-Length fields', outcome: 400, text: request('OPTIONS', 'sip:user@example.com', ['Content-Length: 13', 'Content-Length: 5'], { body: 'There is no way to know how many octets are supposed to be here.' }) },
  { name: '3.3.10 bcast: a response to another', outcome: 'valid', text: crlf(['SIP/2.0 200 OK', 'Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923', 'Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23', 'Call-ID: bcast.0384840201234ksdfak3j2erwedfsASdf', 'CSeq: 35 INVITE', 'From: sip:user@example.com;tag=11141343', 'To: sip:user@example.edu;tag=2229', 'Content-Length: 0', '', '']) },
  { name: '3.3.11 zeromf: no hops left', outcome: 483, text: request('INFO', 'sip:user@example.com', ['Max-Forwards: 0']) },
  { name: '3.3.12 cparam01: parameters of an unbracketed Contact', outcome: 'valid', text: request('REGISTER', 'sip:example.com', ['Contact: sip:+19725552222@gw1.example.net;unknownparam']) },
  { name: '3.3.13 cparam02: parameters within the brackets', outcome: 'valid', text: request('REGISTER', 'sip:example.com', ['Contact: <sip:+19725552222@gw1.example.net;unknownparam>']) },
  { name: '3.3.14 regescrt: header fields in a Contact URI', outcome: 'valid', text: request('REGISTER', 'sip:example.com', ['Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>']) },
  { name: '3.3.15 sdp01: Accept that leaves out session description', outcome: 'valid', text: request('INVITE', 'sip:user@example.com', ['Accept: text/nobodyKnowsThis']) },
  { name: '3.4.1 inv2543: a request of RFC 2543', outcome: 'valid', text: request('INVITE', 'sip:UserB@example.com', ['Via: SIP/2.0/UDP iftgw.example.com', 'Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>']) },
];
