/** Characters that most texts of a language have many of; in what else the bytes could mean they are rare. */
const KANJI =
  '日一国人年大十二本中長出三時行見月後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百書先名川千水半男西電校語土木何南万毎白天母火右友左休父会社株式部住所番号都道府県市区町村郵便登録数量額商品単価合計税込消費備考分取引顧客注文売請求納担当者氏予約田太郎';
const HANGUL =
  '이다는을의에가하고지로사기한도서리자대어인시나정아수장일보전해상주제성부원동구스오은과를들그만여라니면게거것있적용안경산영민연화신공국세조진강김박최윤임송유호명번름소날짜금액품입객량단합계비군읍길남예식회휴우준현지점카드';
const SIMPLIFIED =
  '的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运订单号编称址省县街价姓客户备注型状态红绿广京浙苏';
const TRADITIONAL =
  '的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實日軍者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應戰向頭文體政美相見被利什二等產或新己制身果加西斯月話合回特代內信表化老給世位次度門任常先海通教兒原東聲提立及比員解水名真論處走義各入幾口認條平系氣題活爾更別打女變四神總何電數安少報才結反受目太量再感建務做接必場件計管期市直德資命山金指克許統區保至隊形社便空決治展馬科司五基眼書非則聽白卻界達光放強即像難且權思王象完設式色路記南品住告類求據程北邊死張該交規萬取拉格望覺術領共確傳師觀清今切院讓識候帶導爭運臺灣股份限票號碼縣街銷售額備註稅編買購單價姓客戶狀態';
/** Hiragana and katakana; only Japanese has words of them. */
const KANA = /[\u3041-\u30ff]/u;

interface Wide {
  readonly encoding: string;
  readonly common: ReadonlySet<string>;
  readonly hasKana: boolean;
}

const WIDE: readonly Wide[] = [
  { encoding: 'shift_jis', common: new Set(KANJI), hasKana: true },
  { encoding: 'euc-jp', common: new Set(KANJI), hasKana: true },
  { encoding: 'euc-kr', common: new Set(HANGUL), hasKana: false },
  { encoding: 'gb18030', common: new Set(SIMPLIFIED), hasKana: false },
  { encoding: 'big5', common: new Set(TRADITIONAL), hasKana: false },
];

/** Of the characters beyond ASCII: at least so many are common ones. By chance it is a tenth. */
const FEWEST_COMMON = 0.2;
const FEWEST_CHARACTERS = 4;
/** Of the sample, which is enough to tell. */
const MOST_BYTES = 256 * 1024;

/**
 * The encoding of several bytes a character that a text is in, which no table can have; null: none. It has to be valid
 * as a whole, and of all in which it is, the one in which it has most of what its language has much of.
 */
export function guessWide(sample: Buffer): string | null {
  const bytes = sample.subarray(0, MOST_BYTES);
  let best: { readonly encoding: string; readonly share: number } | null = null;
  for (const wide of WIDE) {
    const text = decodeWhole(bytes, wide.encoding);
    const share = text === null ? 0 : commonShare(text, wide);
    if (share >= FEWEST_COMMON && share > (best?.share ?? 0)) best = { encoding: wide.encoding, share };
  }
  return best?.encoding ?? null;
}

/** The sample's end may cut a character. */
function decodeWhole(sample: Buffer, encoding: string): string | null {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(sample, { stream: true });
  } catch {
    return null;
  }
}

/** Half-width kana say nothing: they are single bytes, which are letters in any encoding of one byte a character. */
function commonShare(text: string, { common, hasKana }: Wide): number {
  let [wide, found, narrow] = [0, 0, 0];
  for (const character of text) {
    if (character < '\u0080') continue;
    if (character >= '\uff61' && character <= '\uff9f') narrow++;
    // Punctuation of full width is in all of them, at the same bytes.
    else if (character >= '\u3041' && character <= '\ud7a3') {
      wide++;
      if (common.has(character) || (hasKana && KANA.test(character))) found++;
    } else if (character < '\u2000' || character > '\uffef' || isPrivate(character)) wide++;
  }
  return wide < FEWEST_CHARACTERS || narrow > 2 * wide ? 0 : found / wide;
}

function isPrivate(character: string): boolean {
  return character >= '\ue000' && character <= '\uf8ff';
}
