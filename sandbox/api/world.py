"""The fixed facts of the small world that the APIs report on."""

from __future__ import annotations

from typing import NamedTuple


class Species(NamedTuple):
    """One taxon. `abundance`: how likely a checklist has it, 1-9; `peak`: day of the year of its season's middle."""

    code: str
    common: str
    scientific: str
    family: str
    abundance: int
    peak: int


class Place(NamedTuple):
    """One birding location."""

    loc_id: str
    name: str
    region: str
    lat: float
    lng: float


REGIONS = ("US-AZ-013", "US-AZ-019")

PLACES = (
    Place("L191301", "Gilbert Water Ranch", "US-AZ-013", 33.3644, -111.7341),
    Place("L191302", "Salt River Phon D Sutton", "US-AZ-013", 33.5457, -111.6613),
    Place("L191303", "Papago Park", "US-AZ-013", 33.4573, -111.9462),
    Place("L191304", "Desert Botanical Garden", "US-AZ-013", 33.4617, -111.9447),
    Place("L191901", "Sweetwater Wetlands", "US-AZ-019", 32.2793, -111.0236),
    Place("L191902", "Madera Canyon", "US-AZ-019", 31.7137, -110.8733),
    Place("L191903", "Saguaro National Park East", "US-AZ-019", 32.1797, -110.7364),
)

# Codes and names as in eBird's taxonomy; abundance and peak are ours.
SPECIES = tuple(
    Species(*row)
    for row in (
        ("gamqua", "Gambel's Quail", "Callipepla gambelii", "odonto1", 9, 120),
        ("moudov", "Mourning Dove", "Zenaida macroura", "columb2", 9, 160),
        ("whwdov", "White-winged Dove", "Zenaida asiatica", "columb2", 7, 180),
        ("grrroa", "Greater Roadrunner", "Geococcyx californianus", "cuculi1", 4, 130),
        ("annhum", "Anna's Hummingbird", "Calypte anna", "trochi1", 8, 40),
        ("coshum", "Costa's Hummingbird", "Calypte costae", "trochi1", 4, 70),
        ("amecoo", "American Coot", "Fulica americana", "rallid1", 6, 15),
        ("killde", "Killdeer", "Charadrius vociferus", "charad1", 5, 150),
        ("leasan", "Least Sandpiper", "Calidris minutilla", "scolop2", 3, 350),
        ("neocor", "Neotropic Cormorant", "Nannopterum brasilianum", "phalac1", 4, 30),
        ("grbher3", "Great Blue Heron", "Ardea herodias", "ardeid1", 4, 20),
        ("greegr", "Great Egret", "Ardea alba", "ardeid1", 3, 10),
        ("turvul", "Turkey Vulture", "Cathartes aura", "cathar1", 6, 150),
        ("coohaw", "Cooper's Hawk", "Astur cooperii", "accipi1", 4, 330),
        ("rethaw", "Red-tailed Hawk", "Buteo jamaicensis", "accipi1", 6, 350),
        ("greowl", "Great Horned Owl", "Bubo virginianus", "strigi1", 2, 60),
        ("gilwoo", "Gila Woodpecker", "Melanerpes uropygialis", "picida1", 8, 110),
        ("lblwoo", "Ladder-backed Woodpecker", "Dryobates scalaris", "picida1", 4, 100),
        ("gilfli", "Gilded Flicker", "Colaptes chrysoides", "picida1", 3, 100),
        ("amekes", "American Kestrel", "Falco sparverius", "falcon1", 4, 340),
        ("blkpho", "Black Phoebe", "Sayornis nigricans", "tyrann2", 6, 30),
        ("saypho", "Say's Phoebe", "Sayornis saya", "tyrann2", 5, 10),
        ("verfly", "Vermilion Flycatcher", "Pyrocephalus rubinus", "tyrann2", 4, 90),
        ("comrav", "Common Raven", "Corvus corax", "corvid1", 6, 90),
        ("verdin", "Verdin", "Auriparus flaviceps", "remizi1", 8, 110),
        ("ruckin", "Ruby-crowned Kinglet", "Corthylio calendula", "regulu1", 5, 0),
        ("cacwre", "Cactus Wren", "Campylorhynchus brunneicapillus", "troglo1", 7, 120),
        ("rocwre", "Rock Wren", "Salpinctes obsoletus", "troglo1", 3, 20),
        ("btgnat1", "Black-tailed Gnatcatcher", "Polioptila melanura", "poliop1", 5, 90),
        ("cubthr", "Curve-billed Thrasher", "Toxostoma curvirostre", "mimida1", 7, 110),
        ("normoc", "Northern Mockingbird", "Mimus polyglottos", "mimida1", 6, 130),
        ("phaino", "Phainopepla", "Phainopepla nitens", "ptilio1", 5, 60),
        ("houspa", "House Sparrow", "Passer domesticus", "passer1", 7, 170),
        ("houfin", "House Finch", "Haemorhous mexicanus", "fringi1", 9, 120),
        ("lesgol", "Lesser Goldfinch", "Spinus psaltria", "fringi1", 7, 100),
        ("abetow", "Abert's Towhee", "Melozone aberti", "passer8", 7, 110),
        ("whcspa", "White-crowned Sparrow", "Zonotrichia leucophrys", "passer8", 6, 10),
        ("yerwar", "Yellow-rumped Warbler", "Setophaga coronata", "paruli1", 6, 0),
        ("norcar", "Northern Cardinal", "Cardinalis cardinalis", "cardin1", 5, 120),
        ("pyrrhu", "Pyrrhuloxia", "Cardinalis sinuatus", "cardin1", 3, 100),
    )
)

# Station: usual maximum and minimum in tenths of a degree Celsius.
STATIONS = {
    "GHCND:USW00023183": (301, 172),
    "GHCND:USW00023160": (289, 141),
    "GHCND:USC00022807": (214, 48),
    "GHCND:USC00025467": (296, 133),
}

# Site: usual discharge in hundredths of a cubic foot per second.
SITES = {
    "09380000": 1_250_000,
    "09402500": 1_310_000,
    "09498500": 41_200,
    "09502000": 88_300,
    "09512500": 2_150,
}
PARAMETERS = {"00060": "Streamflow, ft³/s", "00010": "Temperature, water, °C"}
