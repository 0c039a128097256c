"""Vocabularies: what ordinary values are made of, in several languages and scripts."""

from __future__ import annotations

from typing import Final

NOUNS: Final = tuple(
    """account address admin album alert animal answer apple archive area article author award baby backup bag balance
    ball band bank base basket beach bed bike bill bird birthday blog board boat body book booking bottle box branch
    bread bridge brother budget building bus business button cable cake calendar camera camp candle car card cart case
    cat category chair chapter chart chat child church city class client clock cloud club coat code coffee collection
    color column comment community company computer concert config contact content contract cook corner country county
    coupon course credit cup currency customer dance dashboard database date day deal debt delivery design desk device
    diet dinner discount discussion doctor document dog door draft dress drink driver east editor education egg email
    employee energy engine error event example exam export family farm fashion feature field file film filter finger
    fire fish flag flight floor flower folder food football form forum frame friend front fruit function funding
    furniture game garden gas gate gift glass goal gold group guest guide guitar hand hat health heart height help
    history hobby holiday home horse hospital hotel hour house idea image import income index industry insurance
    interest interview inventory invoice island issue item jacket job journey judge juice key kitchen label lake lamp
    language laptop law layout leader lesson letter level library license light line link list loan location log
    logo love lunch machine magazine mail manager map market master material meal meeting member memory menu message
    metal method milk mind minute mirror mobile model moment money month moon morning mother mountain mouse movie
    museum music name nature network news night note number office offer oil option orange order organization outlet
    owner page paint paper parent park part partner party pass password patient payment pen people period person phone
    photo piano picture piece place plan plane plant plate player podcast poem point policy pool post potato power
    present price print prize problem process product profile program project promotion property quality question
    queue quote radio rain ranking rate reader recipe record region rent report request reservation resource rest
    result return review ring river road role room root route row rule salad sale salt sample schedule school science
    score screen sea search season seat section selection seller series server service session set setting shape share
    ship shirt shoe shop shoulder show sign signal singer sister site size skill sky snow soap sofa software song sound
    soup source space speaker sport spring square staff stage star state station status step stock stone store storm
    story street student studio study style subject sugar summer sun supplier support survey system table tag talk task
    tax tea teacher team template tennis term test text theme theory ticket time title toast token tool topic tour
    town toy track trade traffic trail train transfer travel tree trip truck truth type union unit update upload user
    vacation value vehicle version video view village visit voice volume wallet war watch water way weather web week
    weight wheel wind window wine winter woman wood word work workshop world writer year zone""".split()
)
VERBS: Final = tuple(
    """accept add allow announce answer appear apply arrange arrive ask attend avoid believe block book borrow break
    bring build buy call cancel carry change charge check choose clean click close collect compare complete confirm
    connect consider contain cook copy count create cut decide delete deliver describe discuss download draw drink
    drive drop eat edit enjoy execute expect explain fail fetch find finish fix fly follow forget get give grant grow
    guess happen have hear help hide hold improve include insert invite join jump keep kill know laugh learn leave let
    like limit listen live load lock look lose love make manage mean measure meet merge miss move need notice open
    order paint pay pick plan plant play prefer prepare print protect prove pull push put read receive recommend
    remember remove rename rent repair replace reply report reset resolve return ride run save say search see select
    sell send share ship show sign sing sit sleep sort speak spend start stay stop study suggest support swim switch
    take talk teach tell test thank think throw touch train translate travel try turn type understand union update
    upgrade upload use visit wait wake walk want wash watch wear win wish work worry write""".split()
)
ADJECTIVES: Final = tuple(
    """able active afraid amazing ancient angry bad beautiful best big black blue bright broken brown busy calm cheap
    clean clear cold common complete cool curious daily dark deep digital dirty dry early easy empty english famous
    fast fine first flat free french fresh friendly full funny german good great green happy hard heavy high hot huge
    important international kind large last late lazy light little local lonely long loud lovely low lucky main major
    modern natural new nice noisy normal null old only open orange other own perfect poor popular possible premium
    pretty private public quick quiet rare ready real red rich right round sad safe secret serious sharp short simple
    slow small smart soft special spicy strange strong sweet tall thick thin tiny tired top true ugly unique useful
    vintage warm weak white whole wide wild wonderful wooden wrong yellow young""".split()
)
SMALL_WORDS: Final = tuple(
    """a about after all also an and any are as at be because been before but by can could did do does for from had has
    he her him his how i if in into is it its just like me more most my no not now of off on one only or our out over
    please she so some than that the their them then there they this to too under until up us very was we were what
    when where which while who why will with without would yes you your it's don't can't i'm we've that's isn't
    you're""".split()
)
FIRST_NAMES: Final = tuple(
    """Ada Ahmed Aiko Alice Amélie Ana Andrés Anja Anouk Antonio Aoife Arjun Björn Carl Carmen Chiara Chloé Claire Dan
    Daria David Dmitri Elena Emma Eoin Eric Fatima Felix Fiona François Frieda Gabriel Giulia Grace Håkon Hannah Hans
    Helen Hugo Ibrahim Igor Ines Ivan Jack Jan Jane Javier Jean-Luc Jens Joana João John José Julia Jürgen Karin Kenji
    Kofi Lars Laura Léa Li Liam Lin Lucía Luis Łukasz Maja Maria Mark Marta Martin Mateo Mehmet Mei Mia Michael Miguel
    Mikko Mohamed Nadia Nam Niamh Nina Noah Nora Olga Oliver Omar Otto Paula Pedro Peter Petra Piotr Priya Rahul Raúl
    Rosa Ruth Saoirse Sara Sergio Siobhán Sofia Sven Tariq Thanh Theo Thomas Tim Tom Uma Vera Victor Wei Xavier Yara
    Yuki Yusuf Zoë Zofia""".split()
)
LAST_NAMES: Final = tuple(
    """O'Brien O'Connor O'Neill O'Sullivan D'Angelo D'Amico Dell'Acqua L'Heureux N'Diaye M'Bala O'Hara O'Leary
    Anderson Bauer Becker Bernard Brown Chen Clark Costa Cruz Davies Díaz Dubois Dupont Eriksson Evans Fernández
    Fischer Garcia Gonzales Green Gupta Hansen Hill Hoffmann Ivanov Jansen Johnson Jones Kaya Kim King Klein Kowalski
    Kumar Lee Lewis Lopez MacDonald Martin McCarthy Meyer Miller Moore Müller Murphy Nguyen Nielsen Novák Okafor Oliveira
    Patel Pérez Petrov Phillips Popescu Quinn Ramirez Ribeiro Roberts Rossi Russo Sánchez Santos Sato Schmidt Schulz
    Silva Singh Smith Sørensen Suzuki Takahashi Taylor Thompson Torres Turner Van-der-Berg Vasquez Wagner Walker Wang
    Weber White Williams Wilson Wood Wright Yamamoto Yılmaz Zhang""".split()
)
CITIES: Final = tuple(
    """Amsterdam Athens Auckland Bangkok Barcelona Berlin Bogotá Boston Brussels Bucharest Budapest Cairo Chicago Cork
    Coruña Dublin Düsseldorf Geneva Gdańsk Hamburg Hanoi Helsinki Istanbul Kraków Kyiv København L'Aquila Lima Lisbon
    London Lyon Madrid Málaga Milan Montréal Mumbai München Nairobi Napoli Oslo Paris Porto Prague Québec Rome
    Rotterdam São-Paulo Seoul Singapore Sofia Stockholm Sydney Tallinn Tokyo Toronto València Vienna Warsaw Zürich""".split()
)
FOREIGN_WORDS: Final = {
    "de": """und der die das nicht mit für auf ist ein eine wir haben können über straße größe schön gerne bestellung
    lieferung rechnung kunde artikel frage antwort heute morgen leider vielen dank grüße preis monat jahr bitte wenn
    oder auswahl aus wo ich möchte wie viel kostet das zimmer""",
    "fr": """le la les un une des et est pas avec pour sur dans nous vous être avoir déjà très où l'adresse d'accord
    l'été aujourd'hui j'ai c'est qu'il n'est commande livraison facture merci bonjour prix année s'il vous plaît
    l'hôtel d'abord élève français garçon""",
    "es": """el la los las un una y es no con por para sobre nosotros años niño mañana también qué cuánto pedido
    factura gracias dirección teléfono envío selección unión precio contraseña búsqueda donde desde tabla usuario""",
    "pt": """o a os as um uma e não com por para você está são coração ação informação pedido endereço obrigado preço
    seleção amanhã também união onde tabela usuário senha""",
    "it": """il lo la gli un una e non con per su siamo perché città dell'anno l'ordine un'altra c'è grazie prezzo
    indirizzo fattura spedizione quest'estate nell'aria""",
    "pl": """i w na z do nie się jest że zamówienie dziękuję proszę cena adres książka żółty źródło ćwiczenie miłość""",
    "tr": """ve bir bu için ile değil çok güzel teşekkürler sipariş fiyat adres müşteri şehir öğrenci ışık""",
    "sv": """och att det är en ett inte på för med vi har över beställning tack priset år köp ångra höst kött""",
    "ru": """и в не на я что с это как по но они мы заказ доставка спасибо привет вопрос ответ цена адрес выбрать из
    таблица союз обновить пожалуйста сегодня завтра где""",
    "uk": """і в не на що це як замовлення дякую ціна адреса їжа ґанок питання відповідь""",
    "el": """και το να με για δεν είναι παραγγελία ευχαριστώ τιμή διεύθυνση καλημέρα ερώτηση""",
    "ar": """من في على هذا مع لا كيف السعر شكرا طلب عنوان مرحبا سؤال جواب اليوم غدا مدينة""",
    "he": """של את לא עם זה על שלום תודה מחיר כתובת הזמנה שאלה היום מחר""",
    "hi": """और का में है नहीं यह के लिए आप धन्यवाद मूल्य पता आदेश प्रश्न आज कल शहर""",
    "zh": """我们 你好 订单 价格 地址 谢谢 问题 回答 今天 明天 选择 数据库 用户 城市 搜索 手机 衣服 电影 更新 删除""",
    "ja": """こんにちは 注文 価格 住所 ありがとう 質問 回答 今日 明日 検索 映画 本 の を が です ます から テーブル""",
    "ko": """안녕하세요 주문 가격 주소 감사합니다 질문 답변 오늘 내일 검색 영화 선택 업데이트 서울 도시""",
    "th": """สวัสดี ราคา ที่อยู่ ขอบคุณ คำถาม คำตอบ วันนี้ พรุ่งนี้ ค้นหา""",
    "vi": """và của không có đơn hàng giá địa chỉ cảm ơn câu hỏi trả lời hôm nay ngày mai tìm kiếm""",
}
LANGUAGES: Final = {code: tuple(words.split()) for code, words in FOREIGN_WORDS.items()}
EMOJI: Final = (
    *tuple("😀😂🎉👍🔥❤✨🙏🚀🐱🍕☕📷🎵✅⚠"),
    "👩\u200d💻",
    "🇫🇷",
    ":)",
    ";)",
    ":-D",
    "<3",
    ":'(",
    "^^",
    "¯\\_(ツ)_/¯",
)
BRANDS: Final = tuple(
    """Acme Bolt Nimbus Kite Orbit Pixel Quill Raven Sable Tundra Vega Willow Zephyr M&M's AT&T H&M
    Levi's L'Oréal Dr.Martens Yahoo! 3M C++ C# .NET Node.js""".split()
)
