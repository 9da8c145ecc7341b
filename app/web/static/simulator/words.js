// The handset's own words, as a phone sold in Morocco has them; the service's come from the service.

export const WORDS = {
  fr: {
    messages: "Messages", clear: "Effacer", call: "Appeler", send: "Envoyer", cancel: "Annuler",
    read: "Lire", back: "Retour", ok: "OK", dialling: "Appel en cours...", none: "Aucun message",
    error: "Erreur de connexion", wrong: "Numéro non attribué", timeout: "Session terminée",
  },
  ar: {
    messages: "الرسائل", clear: "مسح", call: "اتصال", send: "إرسال", cancel: "إلغاء",
    read: "قراءة", back: "رجوع", ok: "موافق", dialling: "جار الاتصال...", none: "لا رسائل",
    error: "خطأ في الاتصال", wrong: "رقم غير مستعمل", timeout: "انتهت الجلسة",
  },
  "ary-Latn": {
    messages: "Messages", clear: "Mse7", call: "3ayet", send: "Sift", cancel: "Annuler",
    read: "9ra", back: "Rje3", ok: "OK", dialling: "Kan3ayto...", none: "Ma kayn message",
    error: "Mochkil f rezo", wrong: "Ra9m ma kaynch", timeout: "Session salat",
  },
  zgh: {
    messages: "ⵜⵓⵣⵉⵏⵉⵏ", clear: "ⵙⴼⴹ", call: "ⵖⵔ", send: "ⴰⵣⵏ", cancel: "ⵙⵔ",
    read: "ⵖⵔ", back: "ⴰⵖⵓⵍ", ok: "OK", dialling: "ⴰⵖⵔⵉ...", none: "ⵓⵔ ⵜⵍⵍⵉ ⵜⵓⵣⵉⵏⵜ",
    error: "ⵜⴰⵣⴳⵍⵜ", wrong: "ⵓⵟⵟⵓⵏ ⵓⵔ ⵉⵍⵍⵉ", timeout: "ⵜⵙⵎⴷ ⵜⵖⵉⵎⵉⵜ",
  },
};
