"""What differs between the nationalities of the API: the data's locale, post code and document."""

from dataclasses import dataclass

from mimesis import Locale


@dataclass(frozen=True)
class Nationality:
    """One of the API's nationalities.

    ``locale`` is the nearest set of names and places that mimesis has (it has none for IE, IN, NZ
    and RS). Masks hold # for a digit and @ for a letter. ``postcode`` None means a plain integer,
    which is what the real API sends for most countries. ``document`` is the ``id`` field's name and
    mask; None where the real API sends ``{"name": "", "value": null}``.
    """

    country: str
    locale: Locale
    phone: str
    postcode: str | None = None
    document: tuple[str, str] | None = None


NATIONALITIES: dict[str, Nationality] = {
    "AU": Nationality("Australia", Locale.EN_AU, "0#-####-####", None, ("TFN", "#########")),
    "BR": Nationality("Brazil", Locale.PT_BR, "(##) ####-####", None, ("CPF", "###.###.###-##")),
    "CA": Nationality("Canada", Locale.EN_CA, "@## @##-####", "@#@ #@#", ("SIN", "#########")),
    "CH": Nationality(
        "Switzerland", Locale.DE_CH, "07# ### ## ##", None, ("AVS", "756.####.####.##")
    ),
    "DE": Nationality("Germany", Locale.DE, "0###-#######", None, ("SVNR", "## ###### @ ###")),
    "DK": Nationality("Denmark", Locale.DA, "########", None, ("CPR", "######-####")),
    "ES": Nationality("Spain", Locale.ES, "9##-###-###", None, ("DNI", "########-@")),
    "FI": Nationality("Finland", Locale.FI, "0#-###-###", None, ("HETU", "######-###@")),
    "FR": Nationality("France", Locale.FR, "0#-##-##-##-##", None, ("INSEE", "1############# ##")),
    "GB": Nationality(
        "United Kingdom", Locale.EN_GB, "0#### ######", "@@# #@@", ("NINO", "@@ ## ## ## @")
    ),
    "IE": Nationality("Ireland", Locale.EN_GB, "0##-###-####", None, ("PPS", "#######@@")),
    "IN": Nationality("India", Locale.EN_GB, "9#########", None, ("UIDAI", "############")),
    "IR": Nationality("Iran", Locale.FA, "0##-########"),
    "MX": Nationality("Mexico", Locale.ES_MX, "(###) ### ####", None, ("NSS", "## ## ## #### #")),
    "NL": Nationality("Netherlands", Locale.NL, "(0##) #######", "#### @@", ("BSN", "########")),
    "NO": Nationality("Norway", Locale.NO, "########", "####", ("FN", "###########")),
    "NZ": Nationality("New Zealand", Locale.EN_AU, "(###)-###-####"),
    "RS": Nationality("Serbia", Locale.HR, "0##-####-###", None, ("SID", "#########")),
    "TR": Nationality("Turkey", Locale.TR, "(###)-###-####"),
    "UA": Nationality("Ukraine", Locale.UK, "(0##) @##-####"),
    "US": Nationality("United States", Locale.EN, "(###) ###-####", None, ("SSN", "###-##-####")),
}

# UTC offset and the places that go by it, as the real API pairs them.
TIMEZONES: tuple[tuple[str, str], ...] = (
    ("-10:00", "Hawaii"),
    ("-8:00", "Pacific Time (US & Canada)"),
    ("-6:00", "Central Time (US & Canada), Mexico City"),
    ("-5:00", "Eastern Time (US & Canada), Bogota, Lima"),
    ("-3:30", "Newfoundland"),
    ("-3:00", "Brazil, Buenos Aires, Georgetown"),
    ("0:00", "Western Europe Time, London, Lisbon, Casablanca"),
    ("+1:00", "Brussels, Copenhagen, Madrid, Paris"),
    ("+2:00", "Kaliningrad, South Africa"),
    ("+3:30", "Tehran"),
    ("+5:30", "Bombay, Calcutta, Madras, New Delhi"),
    ("+5:45", "Kathmandu"),
    ("+8:00", "Beijing, Perth, Singapore, Hong Kong"),
    ("+9:00", "Tokyo, Seoul, Osaka, Sapporo, Yakutsk"),
    ("+12:00", "Auckland, Wellington, Fiji, Kamchatka"),
)
