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
};
