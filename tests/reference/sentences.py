"""Every sentence about the query language with queries and what they select: ids of frames, numbers of rows."""

# ruff: noqa: E501  -- one line a few queries reads better than a line each

from __future__ import annotations

from typing import Any

from hyperdatasets.core.normalise import normalise
from hyperdatasets.engine.segment import Row

CAR = {"id": "1", "labels": ["car"], "confidence": 0.9, "geometry": {"box": [0, 0, 100, 50]}}
STOP = {"id": "2", "labels": ["Bus Stop", "Blue"], "confidence": 0.4}
HIDDEN = {"id": "1", "labels": ["car", "occluded"], "confidence": 0.5, "sources": ["front"],
          "geometry": {"box": [5, 6, 10, 20]}, "meta": {"worker": "ann", "ok": True}}  # fmt: skip
PERSON = {"id": "2", "labels": ["person"], "confidence": 0.8, "origin": "yolo",
          "geometry": {"polygon": [[0, 0, 4, 0, 4, 4, 0, 4]]}}  # fmt: skip
SPEECH = {"id": "1", "labels": ["speech"], "geometry": {"span": [16, 29]}}
TALL = {"id": "2", "labels": ["car", "Blue"], "confidence": 1, "geometry": {"ellipse": [50, 50, 10, 5, 0]}}

PLAIN: list[dict[str, Any]] = [
    {
        "id": "a", "context_id": "ride-1", "timestamp": 1000, "site": "north",
        "sources": [{"uri": "site://north/scans/a.jpg", "content_type": "image/jpeg", "width": 640, "height": 480,
                     "size_bytes": 1000, "timestamp": 5, "meta": {"lens": "wide"}}],
        "annotations": [CAR, STOP],
        "meta": {"city": "Bremen", "score": 5, "tags": ["night", "rain"], "date": "2024-10-20T23:30:00Z",
                 "big": 2**53 + 1, "flag": True, "mixed": 5, "code": "Foxes-Brown"},
    },
    {
        "id": "b", "context_id": "ride-1", "timestamp": 2000,
        "sources": [{"id": "front", "uri": "https://host/front.png", "content_type": "image/png", "width": 640,
                     "height": 480, "meta": {"lens": "tele"}},
                    {"id": "rear", "uri": "https://host/rear.png", "content_type": "image/png", "width": 1280,
                     "height": 720, "meta": {"lens": "wide"}}],
        "annotations": [HIDDEN, PERSON],
        "meta": {"city": "Bremerhaven", "score": 7.5, "date": "2024-10-21", "big": 2**53, "mixed": "5",
                 "items": [{"name": "lamp", "n": 1}, {"name": "cone", "n": [2, 3]}], "flag": False,
                 "code": "image/png", "my key": "x", "a-b": "y"},
    },
    {
        "id": "c",
        "sources": [{"uri": "file:///c.wav"}],
        "annotations": [SPEECH],
        "meta": {"city": "New York", "score": -3, "note": "can't see the traffic_light at 3.5 km, ask example.org",
                 "date": "2024-10-20T23:30:00-05:00", "flag": "true", "mixed": True, "code": "12:30",
                 "nothing": None, "tags": ["rain", ["fog"]], "keyword": "k"},
    },
    {
        "id": "d",
        "sources": [{"uri": "file:///d"}],
        "annotations": [TALL, {"id": "1", "labels": ["人"]}],
        "meta": {"city": "東京タワー", "score": "5", "date": "2024-11-05T00:00:00", "tags": [], "object": {},
                 "big": 2**63 - 1, "word": "Straße", "accent": "e\u0301te\u0301", "code": "a*b", "mixed": 5.0,
                 "text": 'say "hi" \\ bye'},
    },
    {
        "id": "e",
        "sources": [{"uri": "file:///e"}],
        "meta": {"city": "", "big": -(2**63), "real": float(2**53), "date": "2023-02-29", "code": "*", "mixed": None, "score": 2024,
                 "word": "ﬁn İstanbul", "tags": {"deep": ["night"]}},
    },
]  # fmt: skip
ROWS = [Row(3 * i, normalise(plain)[0], 1_729_418_400_000 + i, "v1" if i < 3 else "v2")
        for i, plain in enumerate(PLAIN)]  # fmt: skip
COLUMNS: list[dict[str, Any]] = [
    {"age": 61, "name": "Ann Lee", "smoker": True},
    {"age": 17, "name": "Bo", "smoker": False},
    {"age": "unknown", "2d": 5, "local": "ann"},
]

Cases = dict[str, list[tuple[str, str]]]
FRAME: Cases = {
    "a bare word is any text of the frame, its sources and its labels": [
        ("bremen", "a"), ("jpg", "a"), ("car", "abd"), ("ride", "ab"), ("north", "a"), ("tele", "b"), ("fog", "c"),
        ("lamp", "b"), ("blue", "ad"), ("v1", ""), ("yolo", ""), ("ann", ""), ("span", ""), ("wide", "ab"),
    ],
    "words side by side must all hold": [("car bremen", "a"), ("car york", ""), ("bremen AND car", "a")],
    "fields of a frame": [
        ("id:a", "a"), ("context_id:ride-1", "ab"), ("timestamp:1000", "a"), ("timestamp:>1000", "b"),
        ("timestamp:>1000.0", "b"), ("timestamp:>1000.5", "b"), ("timestamp:<1000.5", "a"), ("timestamp:<1000.0", ""),
        ("timestamp:{999.5 TO 1000.5}", "a"), ("timestamp:{1000.5 TO 2000.0]", "b"),
        ("num_frames:2", "b"), ("num_frames:[1 TO 1]", "acde"), ("site:north", "a"), ("meta.city:york", "c"),
        ("saved:2024-10-20", "abcde"), ("saved:2024-10-20T10:00:00.003Z", "d"), ("saved:<2024-10-20", ""),
        ("saved_in_version:v2", "de"),
    ],
    "a field of ROIs holds on some ROI, of sources on some source, each by itself": [
        ("rois.label:car rois.label:Blue", "ad"), ("rois.label:(car AND person)", "b"), ("rois.confidence:>.8", "ad"),
        ("rois.meta.worker:ann", "b"), ("rois.meta.ok:true", "b"), ("sources.width:640 sources.height:720", "b"),
        ("sources.meta.lens:wide", "ab"), ("sources.id:rear", "b"), ("NOT rois.label:car", "ce"),
        ("rois.label:(NOT car)", "ce"), ("rois.origin:yolo", "b"), ("rois.sources:front", "b"),
        ("rois.shape:(span OR polygon)", "bc"), ("rois.id:2", "abd"),
    ],
    "parentheses ask for one ROI or one source with all of it": [
        ("rois:(label:car AND label:Blue)", "d"), ("rois:(label.keyword:car AND confidence:>.8)", "ad"),
        ("rois:(car Blue)", "d"), ("rois:(car -occluded)", "ad"), ("rois:car", "abd"), ('rois:"Bus Stop"', "a"),
        ("sources:(width:640 AND height:720)", ""), ("sources:(width:640 AND height:480)", "ab"),
        ("sources:(lens OR png)", "b"), ("sources:(sources.width:640)", "ab"), ("rois:(rois.label:speech)", "c"),
        ("NOT rois:(car)", "ce"), ("rois:(NOT car)", "abcd"), ("rois:*", "abcd"), ("rois:(*)", "abcd"),
        ("rois:(NOT *)", ""),
    ],
    "keyword is exact, case-sensitive, the whole value": [
        ('meta.city.keyword:"New York"', "c"), ("meta.city.keyword:new", ""), ("meta.city.keyword:york", ""),
        ('meta.city.keyword:"new york"', ""), ('meta.city.keyword:""', "e"), ("rois.label.keyword:blue", ""),
        ("rois.label.keyword:Blue", "ad"), ("meta.score.keyword:5", "ad"), ("meta.date.keyword:2024-10-20", ""),
        ("meta.date.keyword:2024-10-21", "b"), ("meta.flag.keyword:true", "ac"),
    ],
    "a string is cut into runs of letters and digits and case-folded; a term matches any": [
        ("meta.city:NEW", "c"), ("meta.note:light", "c"), ("meta.note:traffic_light", "c"), ("meta.note:can't", "c"),
        ("meta.note:can", "c"), ("meta.note:3.5", "c"), ("meta.note:5", "c"), ("meta.note:example", "c"),
        ("meta.note:3", "c"), ("meta.word:STRASSE", "d"), ("meta.word:strasse", "d"), ("meta.word:Straße", "d"),
        ("meta.word:stra", ""), ("meta.word:fin", "e"), ("meta.word:FIN", "e"), ("meta.word:İSTANBUL", "e"),
    ],
    "a phrase, or a term of several words, matches consecutive words": [
        ('meta.city:"new york"', "c"), ('meta.city:"york new"', ""), ("meta.city:new-york", "c"),
        ('meta.note:"see traffic"', ""), ('meta.note:"see the traffic light"', "c"), ('meta.note:"3 5 km ask"', "c"),
        ('"new york"', "c"), ("'new york'", "c"), ("meta.city:'new york'", "c"), ('"night rain"', ""),
        ('meta.tags:"night rain"', ""), ("meta.city:(new york)", "c"), ("meta.city:new york", "c"),
    ],
    "a Han, Hiragana or Katakana character is a word; marks belong to their letter": [
        ("meta.city:京", "d"), ("meta.city:東京", "d"), ("meta.city:京東", ""), ("meta.city:タワー", "d"), ("人", "d"),
        ("meta.accent:e\u0301te\u0301", "d"), ("meta.accent:E\u0301TE\u0301", "d"), ("meta.accent:ete", ""),
        ("meta.accent:été", ""), ("meta.city:東*", "d"), ("meta.city:?", "d"),
    ],
    "wildcards per word, on keyword for the whole value": [
        ("meta.city:brem*", "ab"), ("meta.city:*haven", "b"), ("meta.city:br?men", "a"), ("meta.city:*e*", "abc"),
        ("meta.city:BREM*", "ab"), ("meta.city.keyword:brem*", ""), ("meta.city.keyword:Brem*", "ab"),
        ("meta.city.keyword:*York", "c"), ("meta.city.keyword:New?York", "c"), ("meta.city:New?York", ""),
        ("meta.city.keyword:?*", "abcd"), ("meta.city.keyword:**", "abcde"), ("meta.city:**", "abcd"),
        ("brem*", "ab"), ("*av*", "bc"), ("meta.word:stra?e", ""), ("meta.word:stra??e", "d"),
        ("uri:x", ""), ("sources.uri.keyword:site\\:\\/\\/north*", "a"), ("sources.uri.keyword:site://north/*", "a"),
        ("sources.uri:site://north/*", ""), ("meta.tags:ni*", "a"), ("meta.score:5*", "d"), ("meta.flag:t*", "c"),
    ],
    "regular expressions are anchored": [
        ("meta.city:/brem.n|york/", "ac"), ("meta.city:/bre/", ""), ("meta.city:/BREMEN/", "a"),
        ("meta.city.keyword:/New .*/", "c"), ("meta.city.keyword:/new .*/", ""), ("meta.city.keyword:/(?i)new .*/", "c"),
        ("meta.note:/\\d/", "c"), ("/brem.*/", "ab"), ("meta.city.keyword:/.*/", "abcde"), ("meta.city:/(a+)+$/", ""),
        ("sources.uri.keyword:/file:\\/\\/\\/[a-d].*/", "cd"), ("meta.city:/^bremen$/", "a"),
    ],
    "fuzzy: 0, 1, 2 edits for up to 2, up to 5, more characters; a transposition is one": [
        ("meta.city:bermen~", "a"), ("meta.city:brxmxn~", "a"), ("meta.city:brxmxn~1", ""), ("meta.city:brxmxn~2", "a"),
        ("meta.city:bremen~0", "a"), ("meta.city:BREMN~1", "a"), ("meta.city:yrok~", "c"), ("meta.city:yxrk~", "c"),
        ("meta.city:yx~", ""), ("id:x~", ""), ("id:x~1", "abcde"), ("meta.city.keyword:new\\ york~2", "c"),
        ("meta.city.keyword:new\\ york~1", ""), ("bremne~", "a"),
    ],
    "a date string is also a date; a number never is": [
        ("meta.date:2024-10-20", "a"), ("meta.date:2024-10-21", "bc"), ("meta.date:2024-10", "abc"),
        ("meta.date:2024", "abcd"), ("meta.date:2024-10-20T23:30:00Z", "a"), ("meta.date:2024-10-21T04:30:00Z", "c"),
        ("meta.date:2024-10-21T05:30:00+01:00", "c"), ("meta.date:2024-11-05T00:00:00Z", "d"),
        ("meta.date:2023-02-29", "e"), ("meta.date:2023", "e"), ("meta.score:2024", "e"), ("meta.score:2024-01", ""),
        ("meta.score:[2024-01-01 TO 2024-12-31]", ""), ("2024-10-21", "bc"),
    ],
    "5 is the number and the string, true the boolean and the string": [
        ("meta.score:5", "ad"), ("meta.mixed:5", "abd"), ("meta.mixed:5.0", "ad"), ('meta.score:"5"', "ad"),
        ("meta.flag:true", "ac"), ("meta.flag:false", "b"), ("meta.flag:TRUE", "c"), ("meta.mixed:true", "c"),
        ("meta.score:7.5", "b"), ("meta.score:75e-1", "b"), ("meta.score:-3", "c"), ("meta.score:-3.0", "c"),
        ("meta.flag:1", ""), ("meta.score:05", "a"),
    ],
    "whole numbers compare exactly to 64 bits": [
        ("meta.big:9007199254740993", "a"), ("meta.big:9007199254740992", "b"), ("meta.big:9007199254740992.0", "b"),
        ("meta.big:>9007199254740992", "ad"), ("meta.big:>=9007199254740993", "ad"), ("meta.big:<9007199254740993", "be"),
        ("meta.real:>=9007199254740993", ""), ("meta.real:9007199254740993", ""), ("meta.real:9007199254740992", "e"),
        ("meta.real:<9007199254740993", "e"), ("meta.real:>9007199254740991", "e"), ("meta.real:<=9007199254740991", ""),
        ("meta.big:9223372036854775807", "d"), ("meta.big:9223372036854775808", ""), ("meta.big:>9223372036854775806", "d"),
        ("meta.big:>9223372036854775807", ""), ("meta.big:<=-9223372036854775808", "e"),
        ("meta.big:<-9223372036854775808", ""), ("meta.big:18446744073709551616", ""),
        ("meta.big:<18446744073709551616", "abde"), ("meta.big:>-18446744073709551616", "abde"),
        ("meta.big:<=-18446744073709551616", ""), ("meta.big:1e999", ""), ("meta.big:<1e999", "abde"),
        ("meta.big:>=1e999", ""), ("meta.big:<=-1e999", ""), ("meta.big:>-1e999", "abde"), ("meta.big:-1e999", ""),
        ("meta.big:NaN", ""), ("meta.big:>NaN", ""), ("meta.big:<Infinity", ""), (f"meta.big:<{'9' * 399}", "abde"),
        (f"meta.big:<{'9' * 999}", ""),
    ],
    "ranges: inclusive and exclusive ends, mixed, open, comparisons, negative numbers": [
        ("meta.score:[5 TO 7.5]", "abd"), ("meta.score:{5 TO 7.5]", "b"), ("meta.score:[5 TO 7.5}", "ad"),
        ("meta.score:{5 TO 7.5}", ""), ("meta.score:[* TO 5]", "acd"), ("meta.score:[5 TO *]", "abde"),
        ("meta.score:{5 TO *]", "be"), ("meta.score:[* TO *]", "abcde"), ("meta.score:>5", "be"),
        ("meta.score:>=5", "abde"), ("meta.score:<5", "c"), ("meta.score:<=-3", "c"), ("meta.score:[-5 TO -1]", "c"),
        ("meta.score:{-3 TO 0]", ""), ("meta.score:> 5", "be"), ('meta.score:>"5"', "be"), ("meta.score:[5 TO 5]", "ad"),
        ("meta.score:[7 TO 3]", ""), ("meta.score:(>=5 AND <7)", "ad"), ("meta.score:>=5^2", "abde"),
        ("meta.flag:[false TO true]", "c"), ("meta.flag:>=true", "c"),
    ],
    "a date without a time is the whole day, month or year": [
        ("meta.date:[2024-10-20 TO 2024-10-20]", "a"), ("meta.date:[2024-10-20 TO 2024-10-21]", "abc"),
        ("meta.date:{2024-10-20 TO *]", "bcd"), ("meta.date:[2024-10-20 TO 2024-10-21}", "a"),
        ("meta.date:>2024-10-20", "bcd"), ("meta.date:>=2024-10-20", "abcd"), ("meta.date:<=2024-10-20", "ae"),
        ("meta.date:<2024-10-21", "ae"), ("meta.date:[2024-10 TO 2024-10]", "abc"), ("meta.date:>2024-10", "d"),
        ("meta.date:[2024 TO 2024]", "abcd"), ("meta.date:>2024", ""), ("meta.date:<=2024", "abcde"),
        ("meta.date:[2024-10-21T04:30:00Z TO 2024-10-21T04:30:00Z]", "c"),
        ("meta.date:[2024-10-21T00:00:00+01:00 TO *]", "abcd"), ("meta.date:>2024-10-21T04:29:59.999999Z", "cd"),
        ('meta.date:["2024-10-20" TO "2024-10-20"]', "a"), ("meta.date:['2024-10-20' TO '2024-10-20']", "a"),
    ],
    "strings range by code point": [
        ("meta.city:[B TO D]", "ab"), ("meta.city:[Bremen TO Bremen]", "a"), ("meta.city:{Bremen TO Bremerhaven]", "b"),
        ("meta.city:>N", "cd"), ("meta.city:>=東", "d"), ("meta.city:<A", "e"), ('meta.city:["New" TO "New Z"]', "c"),
        ("meta.city:[b TO z]", ""), ("meta.city:['New York' TO *]", "cd"), ("meta.code:[\\* TO \\*]", "e"),
        ("meta.code:[\\* TO \\*z]", "e"), ('meta.code:["*" TO "*"]', "e"),
    ],
    "lists match if any element does; lists of objects flatten": [
        ("meta.tags:night", "a"), ("meta.tags:(night AND rain)", "a"), ("meta.tags:rain", "ac"), ("meta.tags:fog", "c"),
        ("meta.items.name:lamp", "b"), ("meta.items.name:cone", "b"), ("meta.items.n:3", "b"), ("meta.items.n:>3", ""),
        ("meta.items.name:lamp AND meta.items.n:2", "b"), ("meta.tags.deep:night", "e"), ("meta.tags:(NOT rain)", "bde"),
        ("meta.tags:[m TO o]", "a"),
    ],
    "null, [] and {} do not exist, the empty string does": [
        ("_exists_:meta.city", "abcde"), ("meta.city:*", "abcde"), ("_exists_:meta.tags", "ace"), ("meta.tags:*", "ace"),
        ("_exists_:meta.nothing", ""), ("_exists_:meta.object", ""), ("_exists_:meta.items", "b"), ("_exists_:meta", "abcde"),
        ("NOT _exists_:meta.tags", "bd"), ("_exists_:meta.mixed", "abcd"), ("_exists_:rois", "abcd"),
        ("_exists_:rois.confidence", "abd"), ("_exists_:rois.meta", "b"), ("_exists_:sources.width", "ab"),
        ("_exists_:sources", "abcde"), ('_exists_:"meta.city"', "abcde"), ("_exists_:meta.my\\ key", "b"),
        ("_exists_:nowhere", ""), ("_exists_:context_id", "ab"), ("_exists_:meta.city.keyword", "abcde"),
        ("_exists_:meta.ta", ""),
    ],
    "an empty query, * and *:* match all": [
        ("", "abcde"), ("  \n", "abcde"), ("*", "abcde"), ("*:*", "abcde"), ("NOT *:*", ""), ("* AND car", "abd"),
        ("(*:*)", "abcde"), ("-*", ""),
    ],
    "AND, OR, NOT and their signs": [
        ("bremen OR york", "ac"), ("bremen || york", "ac"), ("car && bremen", "a"), ("car AND NOT bremen", "bd"),
        ("car NOT bremen", "bd"), ("car -bremen", "bd"), ("car !bremen", "bd"), ("!car", "ce"), ("-car", "ce"),
        ("+car +rain", "a"), ("NOT NOT car", "abd"), ("--car", "abd"), ("(car)", "abd"), ("((car) AND (blue))", "ad"),
        ("car and bremen", ""), ("NOT(car)", "ce"), ("car AND(blue)", "ad"), ('car AND"blue"', "ad"),
    ],
    "NOT binds tighter than AND, AND tighter than OR": [
        ("york OR car bremen", "ac"), ("car bremen OR york", "ac"), ("york OR NOT car", "ce"), ("NOT car OR bremen", "ace"),
        ("NOT car york", "c"), ("(york OR car) bremen", "a"), ("york OR car AND bremen OR 京", "acd"),
    ],
    "field groups": [
        ("meta.city:(bremen OR york)", "ac"), ("meta.city:(NOT bremen)", "bcde"), ("meta.city:(-bremen -york)", "bde"),
        ('meta.city:("new york" OR brem*)', "abc"), ("meta.score:(5 OR 7.5)", "abd"), ("meta.city:((bremen))", "a"),
        ("meta.city:(bremen OR id:c)", "ac"), ("meta.score:(\\-3)", "c"), ('meta.score:("-3")', "c"),
        ("meta.score:(-3)", "abcde"), ("meta.city:(*)", "abcde"), ("meta.city:(b* AND *:*)", "ab"),
    ],
    "escapes": [
        ("meta.city:new\\ york", "c"), ("meta.code.keyword:\\*", "e"), ("meta.code.keyword:a\\*b", "d"),
        ("meta.code.keyword:a\\*?", "d"), ("meta.code.keyword:12\\:30", "c"), ('meta.text.keyword:"say \\"hi\\" \\\\ bye"', "d"),
        ("meta.my\\ key:x", "b"), ("meta.a-b:y", "b"), ("\\bremen", "a"), ("meta.code.keyword:\\Foxes\\-Brown", "a"),
        ("\\AND", ""), ('"AND"', ""), ("meta.keyword:k", "c"), ("meta.keyword.keyword:k", "c"), ("meta\\.keyword:k", "c"),
    ],
    "- / and : inside of a word belong to it": [
        ("Foxes-Brown", "a"), ("meta.code:Foxes-Brown", "a"), ("meta.code.keyword:Foxes-Brown", "a"),
        ("meta.code.keyword:image/png", "b"), ("image/png", "b"), ("meta.code.keyword:12:30", "c"), ("12:30", "c"),
        ("site://north/scans", "a"), ("sources.uri:site://north/scans/a.jpg", "a"),
        ("sources.uri.keyword:https://host/front.png", "b"), ("now-playing", ""),
    ],
    "a word without letter or digit is left out; alone it matches nothing; \\* is the character": [
        ("car …", "abd"), ("…", ""), ("NOT …", ""), ("… OR york", "c"), ("meta.city:(… bremen)", "a"), ('meta.city:""', ""),
        ("meta.code:\\*", ""), ("rois:(…)", ""), ("meta.code.keyword:…", ""),
    ],
    "boosts are ignored": [("bremen^2", "a"), ('"new york"^0.5', "c"), ("(bremen OR york)^3", "ac"),
                           ("meta.score:[5 TO 6]^2", "ad"), ("meta.city:/bremen/^2", "a"), ("bermen~1^2", "a"),
                           ("meta.city:(bremen)^.5", "a")],
    "blanks of any kind part words": [("car\tblue", "ad"), ("car\u00a0blue", "ad"), ("car\u3000blue", "ad"),
                                      ("  car\n blue ", "ad"), ("meta.city: bremen", "a")],
    "an unknown field matches nothing": [("meta.citty:x", ""), ("nowhere:*", ""), ("NOT meta.citty:x", "abcde"),
                                         ("rois.nowhere:1", ""), ("meta:bremen", "")],
}  # fmt: skip
SOURCE: Cases = {
    "all conditions hold on the same source": [
        ("width:640 height:480", "ab"), ("width:640 height:720", ""), ("width:1280 height:720", "b"),
        ("id:rear AND width:640", ""), ("id:rear AND width:1280", "b"), ("NOT width:640", "bcde"),
        ("meta.lens:wide width:640", "a"), ("meta.lens:wide OR width:640", "ab"),
    ],
    "fields of a source": [
        ("id:front", "b"), ("uri:site://north/scans/a.jpg", "a"), ("uri.keyword:file:///e", "e"),
        ("content_type:image/png", "b"), ("content_type.keyword:image/jpeg", "a"), ("content_type:image", "ab"),
        ("timestamp:5", "a"), ("size_bytes:[1 TO 1000]", "a"), ("meta.lens:tele", "b"), ("_exists_:width", "ab"),
        ("context_id:ride-1", ""), ("_exists_:meta", "ab"),
    ],
    "a bare word is any text of the source": [
        ("png", "b"), ("wide", "ab"), ("bremen", ""), ("car", ""), ("tele front", "b"), ("tele rear", ""), ("file*", "cde"),
        ("/fro.t/", "b"), ("frnot~", "b"),
    ],
    "a leading sources. or source. is accepted": [
        ("sources.width:640 source.height:480", "ab"), ("_exists_:sources.width", "ab"), ("source.meta.lens:tele", "b"),
    ],
    "all match": [("", "abcde"), ("*", "abcde"), ("*:*", "abcde"), ("NOT *", "")],
}  # fmt: skip
ROI: Cases = {
    "a bare term is a label, exactly": [
        ("car", "abd"), ("Car", ""), ('"Bus Stop"', "a"), ("'Bus Stop'", "a"), ("Bus", ""), ("人", "d"), ("label:bus", "a"),
        ("label:stop", "a"), ("label:CAR", "abd"), ("ca*", "abd"), ("Ca*", ""), ("/c.r/", "abd"), ("acr~1", "abd"),
        ("car~1", "abd"), ("Bus*", "a"), ("*Stop", "a"), ("*", "abcd"), ("label.keyword:*", "abcd"), ("Blue", "ad"),
    ],
    "all conditions hold on the same ROI": [
        ('"Bus Stop" Blue', "a"), ("'Bus Stop' Blue", "a"), ("car Blue", "d"), ("car occluded", "b"), ("car person", ""),
        ('label.keyword:"car" AND NOT label.keyword:"occluded"', "ad"), ("car -Blue", "ab"), ("car AND confidence:>.8", "ad"),
        ("car confidence:<=.5", "b"), ("NOT car", "abcd"), ("(car OR person) confidence:.8", "b"),
    ],
    "fields of a ROI": [
        ("confidence:0.9", "a"), ("confidence:[.5 TO .8]", "b"), ("confidence:1", "d"), ("origin:yolo", "b"), ("id:1", "abcd"),
        ("area:5000", "a"), ("area:[200 TO 200]", "b"), ("area:16", "b"), ("x:5 y:6", "b"), ("width:100 height:50", "a"),
        ("width:20 height:10", "d"), ("start:>=10 AND end:<30", "c"), ("shape:span", "c"), ("shape:box", "ab"),
        ("sources:front", "b"), ("sources:rear", "b"), ("sources:default", "acd"), ("meta.worker:ann", "b"),
        ("meta.ok:true", "b"), ("_exists_:origin", "b"), ("NOT _exists_:confidence", "cd"), ("_exists_:start", "c"),
        ("_exists_:x", "abd"),
    ],
    "a leading rois. is accepted": [("rois.confidence:>.8", "ad"), ("rois.label:bus AND rois.label:blue", "a")],
    "all match": [("", "abcd"), ("*:*", "abcd")],
}  # fmt: skip
LOCAL: Cases = {
    "columns with or without local.": [
        ("age:>=18", "02"), ("local.age:>=18", "02"), ("age:17", "1"), ("local.name:ann", "0"), ("age:unknown", "2"),
        ("_exists_:local.age", "012"), ("smoker:true", "0"), ("smoker:false", "1"), ("local.2d:5", "2"), ("\\2d:5", "2"),
        ("local.name.keyword:Bo", "1"), ("name:(ann OR bo)", "01"), ("nowhere:1", ""),
    ],
    "a bare word is any text of the columns": [("ann", "02"), ("lee ann", "0"), ("b*", "1"), ("5", ""), ("*", "012")],
}  # fmt: skip
